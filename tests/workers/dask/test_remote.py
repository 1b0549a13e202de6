"""The functions that Dask calls, in a process as Dask has it."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

if find_spec("distributed") is None or find_spec("resource") is None:
    pytest.skip("needs the extra dask: distributed", allow_module_level=True)

CODE = """
import resource
resource.setrlimit(resource.RLIMIT_CORE, (4096, 4096))
from hashaudit.workers.dask.protocol import Payload
from hashaudit.workers.dask.remote import store_chunk
print(resource.getrlimit(resource.RLIMIT_CORE), store_chunk(Payload(b"")), resource.getrlimit(resource.RLIMIT_CORE))
"""


def test_a_process_that_receives_lists_leaves_no_core() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(4096, 4096) invalid list chunk (0, 0)"
