# Everything that is set up lives in .venv and build/; `make clean` removes both.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := pyproject.toml README.md LICENSE $(shell find hashaudit cli -name '*.py' -o -name py.typed -o -path '*/templates/*') \
  $(shell find docs/man -name 'hashaudit*')
PYTEST_ARGS ?=
# Two more than processors, because many tests wait for processes.
PYTEST_JOBS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1) + 2)
FUZZ_ARGS ?=
SOAK_ARGS ?=
ATTACK_ARGS ?=
STANDALONE_ARGS ?=

# Without bytecode each process of the suite would compile all tests, at every run.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo scan test suite lint bench fuzz attack soak docs standalone clean
.DEFAULT_GOAL := help

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

# One clear line where Python is missing, too old, or cannot make virtual environments.
define CHECK_PYTHON
@command -v $(PYTHON) >/dev/null 2>&1 || { \
  echo "hashaudit needs Python 3.11 or newer and found no $(PYTHON): install it, or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
  echo "hashaudit needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1): name a newer one: make PYTHON=/path/to/python3" >&2; exit 1; }
@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
  echo "$(PYTHON) cannot make virtual environments: install its venv package (Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
endef

$(VENV)/made:
	$(CHECK_PYTHON)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@touch $@

build/wheel: $(VENV)/made $(SOURCES)
	@rm -rf build && mkdir -p build
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build .
	@touch $@

$(VENV)/installed: build/wheel
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check build/*.whl
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps build/*.whl
	@touch $@

$(VENV)/developed: $(VENV)/installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev
	@touch $@

demo: $(VENV)/installed ## Set up, scan sample data, show and verify the findings
	@$(BIN)/python docs/demo.py build/demo

scan: $(VENV)/installed ## Scan your own data: make scan ROOT=/srv/files LIST=hashes.txt
	@test -n "$(ROOT)" && test -n "$(LIST)" || { echo "missing ROOT or LIST: make scan ROOT=/directory LIST=/hashes.txt" >&2; exit 2; }
	@output="findings-$$(date -u +%Y%m%dT%H%M%SZ).jsonl"; \
	$(BIN)/hashaudit scan "$(ROOT)" --list "$(LIST)" -o "$$output"; code=$$?; \
	if [ -e "$$output" ]; then $(BIN)/hashaudit verify "$$output" || exit $$?; fi; \
	case $$code in 0|8) exit 0;; *) exit $$code;; esac

lint: $(VENV)/developed ## Style, types, import contracts and the words of the glossary
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python docs/check_prose.py

# Both at once: most of lint is one process, and many tests wait.
test: $(VENV)/developed ## Lint, and the whole suite against the installed wheel
	@$(MAKE) --no-print-directory -j 2 lint suite

suite: $(VENV)/developed
	@$(BIN)/pytest -n $(PYTEST_JOBS) --dist worksteal $(PYTEST_ARGS)

bench: $(VENV)/developed ## Time hashaudit beside its peers; prints ratios (about 20 minutes)
	@$(BIN)/python benchmarks/scan.py
	@$(BIN)/python benchmarks/lists.py
	@$(BIN)/python benchmarks/near.py
	@$(BIN)/python benchmarks/perceptual.py
	@$(BIN)/python benchmarks/buckets.py
	@$(BIN)/python benchmarks/triage.py

fuzz: $(VENV)/developed ## Mutate images, lists, indexes, findings, messages and signers (minutes); FUZZ_ARGS="--seed 7"
	@$(BIN)/python benchmarks/fuzz.py $(FUZZ_ARGS)
	@$(BIN)/python benchmarks/fuzz_messages.py $(FUZZ_ARGS)
	@HASHAUDIT_EXAMPLES=2500 $(BIN)/pytest -q tests/signing/test_allowed_signers.py
	@HASHAUDIT_EXAMPLES=300 $(BIN)/pytest -q tests/lists tests/model tests/record tests/workers/local/test_pool_model.py

attack: $(VENV)/developed ## Repeat the attacks that succeeded once (minutes; as root for those with mounts)
	@$(BIN)/python benchmarks/attacks.py $(ATTACK_ARGS)

soak: $(VENV)/developed ## Disturb runs in every way, then scan a million files twice (an hour, 8 GB)
	@$(BIN)/python benchmarks/faults.py $(SOAK_ARGS)
	@$(BIN)/python benchmarks/soak.py
	@PYTHONPATH=tests/support $(BIN)/python benchmarks/bucket_faults.py
	@$(BIN)/python benchmarks/cron_jobs.py

docs: $(VENV)/installed ## Write the pages that are generated from the code
	@$(BIN)/python docs/generate.py

standalone: build/wheel ## Build one file that needs only Python, without a network; STANDALONE_ARGS="--python 3.13 --extras s3"
	@$(BIN)/python docs/packaging/build_standalone.py build/*.whl --output build/hashaudit.pyz $(STANDALONE_ARGS)

clean: ## Remove the virtual environment and what was built
	@rm -rf $(VENV) build
