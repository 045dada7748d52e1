# The commands of this project. Everything lives in .venv; nothing is installed elsewhere.
SHELL := /bin/sh
BIN := .venv/bin
unexport PYTHONDONTWRITEBYTECODE
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help setup demo lab test unit labs e2e cluster lint format build lock bench clean

help: ## Show this list.
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/  make \1|\2/p' Makefile | column -t -s '|'

.venv/.ready: requirements.lock pyproject.toml infra/bootstrap.sh
	@sh infra/system.sh
	@sh infra/bootstrap.sh
	@touch $@

setup: .venv/.ready ## Make the virtual environment.

demo: setup ## Start the platform, do three labs as a learner would, grade them, stop.
	@$(BIN)/python -m infra.demo

lab: setup ## Start the platform and open day 1 in JupyterLab.
	@$(BIN)/checker start 1
	@$(BIN)/infra up --notebooks work --open day01-notebook-to-production/lab.ipynb

test: setup lint unit labs e2e cluster ## Everything that continuous integration runs.

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/checker build --check

unit: setup
	$(BIN)/pytest tests/unit -q -n 2

labs: setup ## Prove every lab: starter, solution, right and wrong answers.
	$(BIN)/pytest tests/labs -q -n 2 --dist loadscope

e2e: setup
	$(BIN)/pytest tests/e2e tests/security -q -n 2 --dist loadfile

cluster: setup ## The tests that need a cluster, where MLOPS_LABS_KUBECONFIG leads to one.
	@if [ -n "$$MLOPS_LABS_KUBECONFIG" ]; then $(BIN)/pytest tests/cluster -q; \
	else echo 'cluster: left out; for these tests: infra up --profile kind, eval "$$(infra env)", make cluster'; fi

format: setup ## Format the code and build labs/.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/checker build

build: setup ## Build labs/ from solutions/.
	@$(BIN)/checker build

bench: setup ## Print the benchmarks' ratios.
	@for file in tests/benchmarks/bench_*.py; do $(BIN)/python $$file || exit 1; done

lock: setup ## Resolve the dependencies anew: hashes, and no addresses.
	$(BIN)/uv pip compile --system-certs --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
		--no-header --extra dev --quiet pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --system-certs --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
		--no-header --quiet --constraints requirements.lock infra/images/course/requirements.in \
		--output-file infra/images/course/requirements.lock
	$(BIN)/python -m infra.tool_locks

clean: ## Remove what make and the tests left.
	rm -rf .venv build .pytest_cache .ruff_cache .mypy_cache .hypothesis
