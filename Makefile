# Everything a contributor types. `make` alone lists it.
#
# PYTHON       the interpreter that the virtual environment is made with (3.11 or newer)
# TORCH_INDEX  a further package index to take torch from, for instance PyTorch's public CPU index,
#              https://download.pytorch.org/whl/cpu, on a machine where plain pip would fetch CUDA
# EXTRAS       what to install beside the base (see pyproject.toml)
PYTHON      ?= python3
TORCH_INDEX ?=
EXTRAS      ?= train,lora,video,bullet,ray,parquet,wandb,tensorboard,dev
VENV        ?= .venv
CONSTRAINTS ?= constraints/cpu.txt

BIN   := $(VENV)/bin
STAMP := $(VENV)/.installed

# Two cores: rendering in the caller's thread and one thread per test process beat every other split.
TEST_ENV := LP_NUM_THREADS=0 OMP_WAIT_POLICY=PASSIVE OMP_NUM_THREADS=1 REQUIRE_RENDER=1
PYTEST   := $(TEST_ENV) $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-external test-vllm lint format bench clean

help: ## this list
	@echo "Saccade: make <target>"
	@echo
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

setup: $(STAMP) ## virtual environment, packages, libraries for headless rendering
	@echo "Ready: $(BIN)/python"

demo: $(STAMP) ## train the tiny model, or go on where it was stopped: runs/demo/report.html
	LP_NUM_THREADS=0 OMP_WAIT_POLICY=PASSIVE $(BIN)/python scripts/train.py experiment=demo \
	    run.resume=$(if $(wildcard runs/demo/config.yaml),true,false)

test: lint ## lint, then every test that is not slow (under 10 minutes on 2 cores)
	$(PYTEST) -n 2 -m "not slow"

test-slow: $(STAMP) ## the slow tests alone
	$(PYTEST) -m slow

test-external: $(STAMP) ## what other packages make of ours, and we of theirs, each in its own environment
	$(BIN)/python scripts/external_tests.py

test-vllm: $(STAMP) ## our engine against vLLM itself, on the CPU, in an environment of its own
	$(BIN)/python scripts/external_tests.py vllm

lint: $(STAMP) ## style, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP) ## rewrite the code in the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP) ## how fast the simulations are, with MuJoCo's defaults beside them
	LP_NUM_THREADS=0 OMP_NUM_THREADS=1 $(BIN)/python scripts/bench.py sims

clean: ## remove the virtual environment, caches and builds (runs/ stays)
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Made anew whenever what is installed changes, and only then.
$(STAMP): pyproject.toml $(CONSTRAINTS)
	$(PYTHON) scripts/setup_machine.py
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing packages: a few minutes the first time."
	$(BIN)/python -m pip install --disable-pip-version-check \
	    $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) \
	    --constraint $(CONSTRAINTS) --editable ".$(if $(EXTRAS),[$(EXTRAS)])"
	@touch $@
