"""The body of ``hashaudit merge``: writes checksums of the shards, a signature over them, and a summary."""

import contextlib
import hashlib
import os
from collections.abc import Sequence

import msgspec

from hashaudit.model.paths import to_text
from hashaudit.record.codec import as_ascii
from hashaudit.record.output import SIDECAR_SUFFIX, Output
from hashaudit.record.verify.trust import Trust
from hashaudit.scan.key_policy import Signing, load_signer
from hashaudit.scan.merge_shards import RESULT_SUFFIX, MergedResult, ShardResult, checksum_line, merge_shards
from hashaudit.signing.signer import FILE_NAMESPACE
from hashaudit_cli.ui.scan_display import show
from hashaudit_cli.ui.terminal import counted, log, quote


def run_merge(
    shards: Sequence[str], output: str, *, trust: Trust, signing: Signing, allow_different_root: bool, as_json: bool
) -> int:
    """Combines shards and returns the exit code of the whole scan.

    Raises:
        HashauditError: the shards do not belong together, or the result cannot be written.
    """
    signer = load_signer(signing, lambda event: show(event, quiet=as_json), create=False)
    result, files = merge_shards(
        [os.fsencode(path) for path in shards], trust, allow_different_root=allow_different_root
    )
    path = os.fsencode(output)
    folder = os.path.dirname(os.path.abspath(path))
    names = [os.path.relpath(os.path.abspath(file.path), folder) for file in files]
    result = msgspec.structs.replace(result, shards=tuple(map(_named, result.shards, names)))
    summary = as_ascii(msgspec.json.format(msgspec.json.encode(result), indent=2)) + b"\n"
    result_path = path + RESULT_SUFFIX
    _write(result_path, summary)
    sums = [checksum_line(file.sha256, name) for file, name in zip(files, names, strict=True)]
    sums.append(checksum_line(hashlib.sha256(summary).hexdigest(), os.path.basename(result_path)))
    content = b"".join(sums)
    with contextlib.closing(Output.create(output)) as file:
        file.write(content)
        file.sync()
        if signer is not None:
            file.write_sidecar(signer.sign(content, FILE_NAMESPACE))
    if as_json:
        print(summary.decode(), end="")
    else:
        _log_summary(result, path)
    return result.exit_code


def _named(shard: ShardResult, name: bytes) -> ShardResult:
    file, file_uri = to_text(name)
    return msgspec.structs.replace(shard, file=file, file_uri=file_uri)


def _write(path: bytes, content: bytes) -> None:
    with contextlib.closing(Output.create(path)) as file:
        file.write(content)
        file.sync()


def _log_summary(result: MergedResult, path: bytes) -> None:
    totals = result.totals
    for different in result.different_roots:
        log(f"warning: other storage: {different}")
    log(
        f"{counted(len(result.shards), 'shard')}: {counted(totals.examined, 'file')} examined; "
        f"{counted(totals.matched, 'finding')}; {counted(sum(totals.faults.values()), 'fault')}"
    )
    log(f"checksums in {quote(path)}, signed in {quote(path + SIDECAR_SUFFIX)}; totals in {quote(path)}.json")
