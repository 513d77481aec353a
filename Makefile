# Two commands do everything: `make run` and `make test`. Both set up .venv from the lock file first.
PYTHON ?= python3
CORES ?= 2
# torch has builds of its own for each machine, so it stands outside the lock; on Linux without an NVIDIA GPU give pip the
# place of the CPU builds that pytorch.org names: make run TORCH='torch==2.13.0 --extra-index-url ADDRESS'.
TORCH ?= torch==2.13.0
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run test report lint generate lock clean

run: $(READY)
	$(BIN)/snakemake --cores $(CORES)

test: $(READY)
	$(BIN)/python -m pytest -n $(CORES) --dist loadscope --no-loadscope-reorder

report: run
	$(BIN)/snakemake --cores $(CORES) --report results/report.html

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy
	$(BIN)/snakemake --lint

# Writes the settings manual, the JSON schemas and nothing else; a test compares them with the code.
generate: $(READY)
	$(BIN)/python -m polyadic.manual

# Needs `pip install uv`; resolves for Python 3.11 to 3.13 on every platform.
lock:
	echo "torch==2.13.0" | uv pip compile pyproject.toml --universal --python-version 3.11 --extra all \
	  --constraint - --no-emit-package torch --generate-hashes --no-header --no-annotate -o envs/requirements.lock

$(READY): envs/requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else f"polyadic needs Python 3.11 to 3.13, found {v[0]}.{v[1]}; run: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r envs/requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

clean:
	rm -rf results resources logs
