# The two commands of a newcomer are `make demo` and `make test`.
PYTHON ?= python3
# Whole files go to the workers, in the order that tests/conftest.py gives them.
PYTEST := -m pytest -n 2 --dist loadfile --no-loadscope-reorder
VENV := .venv
BIN := $(VENV)/bin
REVIEWS ?=

.PHONY: demo up down doctor test test-fast check lint types bench pins clean

demo: $(VENV)/installed ## Set everything up, then run the main job (REVIEWS=folder for your own reviews)
	@$(BIN)/sentiment demo $(if $(REVIEWS),--reviews "$(REVIEWS)")

up: $(VENV)/installed ## Start Airflow and MLflow on this machine
	@$(BIN)/sentiment up

down: ## Stop them
	@$(BIN)/sentiment down

doctor: $(VENV)/installed ## Check this machine
	@$(BIN)/sentiment doctor

test: $(VENV)/installed-dev ## Run all tests, offline
	@$(BIN)/python $(PYTEST) --durations=40

test-fast: $(VENV)/installed-dev ## Run the tests that take seconds
	@$(BIN)/python $(PYTEST) -m "not slow and not e2e and not spark"

check: lint types test ## Everything that a change must pass

lint: $(VENV)/installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/hadolint Dockerfile
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yaml

types: $(VENV)/installed-dev
	@$(BIN)/mypy

bench: $(VENV)/installed-bench ## Install what `sentiment benchmark scoring` measures beside us

pins: ## Compile the requirements anew from their .in files
	@$(PYTHON) -m venv $(VENV)-pins && $(VENV)-pins/bin/pip install -q pip-tools
	@for file in requirements requirements-dev requirements-bench; do \
	  $(VENV)-pins/bin/pip-compile -q --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	    --no-annotate --no-header --output-file $$file.txt $$file.in; \
	  sed -i 's/+cpu$$//' $$file.txt; done
	@rm -rf $(VENV)-pins

clean: ## Remove the environment and what tests leave; the lake under var/ stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis var/test-airflow

# The checks need nothing but the Python that runs them; pip's own output is shown only when it fails.
$(VENV)/installed: requirements.txt pyproject.toml
	@$(PYTHON) include/sentiment/local/preflight.py .
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@echo "installing the pinned packages into $(VENV) (about 3 GB, some minutes the first time)"
	@$(BIN)/pip install -q --disable-pip-version-check -r requirements.txt
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps -e .
	@$(BIN)/python -m sentiment.local.spark_classes || echo "the classes of Spark could not be kept: it will start more slowly"
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.txt
	@$(BIN)/pip install -q --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(VENV)/installed-bench: $(VENV)/installed requirements-bench.txt
	@$(BIN)/pip install -q --disable-pip-version-check -r requirements-bench.txt
	@touch $@
