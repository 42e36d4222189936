# make demo   install, make a small real and a synthetic image set, and score them
# make test   install, then lint, types and the whole test suite
# make fuzz   try thousands of inputs and faults, and many runs; writes reports/reliability.md
# make bench  measure against the peers; writes reports/
# make docs   build the pages into docs/_build
# make generate  write what is made from the code: options.py, reference pages, schemas

PYTHON ?= python3
BIN := .venv/bin
# Compiled once here, or every process would compile what it imports where bytecode is not written.
UV := $(BIN)/uv pip install --quiet --compile-bytecode --python

.PHONY: demo test lint format fuzz bench docs generate clean

demo: .venv/installed
	$(BIN)/synthaudit demo

test: lint .venv-oracles/installed .venv/junit-10.xsd
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist loadscope --no-loadscope-reorder

lint: .venv/installed-checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/installed-checks
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/installed-checks
	$(BIN)/sphinx-build -W -q -b html docs docs/_build

generate: .venv/installed
	$(BIN)/python docs/generate.py

fuzz: .venv/installed-checks
	$(BIN)/python benchmarks/reliability.py

bench: .venv/installed-checks .venv-oracles/installed .venv-peers/installed
	$(BIN)/python benchmarks/score.py
	$(BIN)/python benchmarks/copies.py
	$(BIN)/python benchmarks/flags.py
	$(BIN)/python benchmarks/classes.py
	$(BIN)/python benchmarks/artefacts.py
	$(BIN)/python benchmarks/certainty.py --runs 200
	$(BIN)/python benchmarks/selftest.py
	$(BIN)/python benchmarks/prompts.py
	$(BIN)/python benchmarks/sweep.py
	$(BIN)/python benchmarks/building.py
	$(BIN)/python benchmarks/generation.py
	$(BIN)/python benchmarks/usefulness.py
	$(UV) $(BIN)/python --group study
	$(BIN)/python benchmarks/validity.py
	$(BIN)/python benchmarks/report.py
	$(BIN)/python benchmarks/performance.py
	$(BIN)/python benchmarks/inverted_file.py

.venv/bin/uv:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

# uv brings torch with its CUDA libraries in seconds; they also run without a GPU.
.venv/installed: .venv/bin/uv pyproject.toml
	$(UV) $(BIN)/python --editable .
	touch $@

.venv/installed-checks: .venv/installed
	$(UV) $(BIN)/python --group check --group test --group docs --editable .[fast,generate,mlflow,openai,ray,s3,search,tensorboard,wandb]
	touch $@

.venv-oracles/installed: .venv/bin/uv pyproject.toml
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-oracles
	$(UV) .venv-oracles/bin/python --group oracles
	touch $@

.venv-peers/installed: .venv/bin/uv pyproject.toml
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-peers
	$(UV) .venv-peers/bin/python --group peers
	touch $@

# The schema of Jenkins' JUnit files, as pytest's own tests have it.
.venv/junit-10.xsd: .venv/bin/uv
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps \
		--no-binary :all: --dest .venv/pytest-source pytest==9.0.1
	tar -xzf .venv/pytest-source/pytest-9.0.1.tar.gz -C .venv/pytest-source
	cp .venv/pytest-source/pytest-9.0.1/testing/example_scripts/junit-10.xsd $@

clean:
	rm -rf .venv .venv-oracles .venv-peers synthaudit-demo build dist
