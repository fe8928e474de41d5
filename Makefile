# The two commands of a newcomer are `make demo` and `make test`.
PYTHON ?= python3
# Whole files go to the workers, in the order that tests/conftest.py gives them. On two cores a third worker fills the
# quarter of the time in which the others wait for a server.
PYTEST := -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations=40
# The tests of Spark's jobs, which pass on each of its masters: in a JVM like all tests, and on Sail.
JOBS := $(addprefix tests/test_,$(addsuffix .py,ingest snapshot scoring_job landing lake day_states files_of_others stores_of_0_4))
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install -q --disable-pip-version-check
REVIEWS ?=
CASES ?= ../shared/cases
# What only looks takes an environment as it is: after a pull, one that is brought up to date would change under a
# platform that runs.
ENVIRONMENT := $(if $(wildcard $(VENV)/installed),,$(VENV)/installed)

.PHONY: demo up down status doctor test test-all test-fast check lint types bench pins clean ten-demos cases gpu-check

demo: $(VENV)/installed ## Set everything up, then run the main job (REVIEWS=file or folder for your own reviews)
	@$(BIN)/sentiment demo $(if $(REVIEWS),--reviews "$(REVIEWS)")

up: $(VENV)/installed ## Start Airflow and MLflow on this machine
	@$(BIN)/sentiment up

down: ## Stop them
	@test -x $(BIN)/sentiment || { echo "not installed here, so nothing was stopped; if a platform of this folder still" \
	  "runs, make status installs what can stop it: then make down again" >&2; exit 1; }
	@$(BIN)/sentiment down

status: $(ENVIRONMENT) ## Show each process of the platform, the addresses and the login
	@$(BIN)/sentiment status

doctor: $(ENVIRONMENT) ## Check this machine
	@$(BIN)/sentiment doctor

test: $(VENV)/installed-dev ## Run the tests, offline (11 to 15 minutes on two cores, 8 GB)
	@$(BIN)/python $(PYTEST) -m "not thorough"

test-all: $(VENV)/installed-dev ## The same, and those that take longest: each process killed, a whole demo interrupted
	@DRAWN_SEQUENCES=200 $(BIN)/python $(PYTEST)
	@SENTIMENT_SPARK_MASTER='sail[2]' $(BIN)/python $(PYTEST) -m spark $(JOBS)

ten-demos: $(VENV)/installed-dev ## Ten whole demos in a row, with a table of what happened (about an hour)
	@$(BIN)/python tests/ten_demos.py

cases: $(VENV)/installed-dev ## Run the cases in CASES against this checkout, with a table of what came of them
	@$(BIN)/python tests/cases.py $(CASES) $(if $(ONLY),--only $(ONLY))

gpu-check: $(VENV)/installed-dev ## Go every way that trains or scores on a GPU (ten minutes, needs CUDA), with a table
	@$(BIN)/python tests/gpu_check.py

test-fast: $(VENV)/installed-dev ## Run the tests that take seconds
	@$(BIN)/python $(PYTEST) -m "not slow and not e2e and not spark"

check: lint types test ## Everything that a change must pass

lint: $(VENV)/installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@PYTHONPATH=plugins $(BIN)/lint-imports --no-logo > $(VENV)/contracts || { cat $(VENV)/contracts; exit 1; }
	@$(BIN)/hadolint Dockerfile
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yaml

types: $(VENV)/installed-dev
	@$(BIN)/mypy

bench: $(VENV)/installed-bench ## Install what `sentiment benchmark scoring` measures beside us

pins: ## Compile the requirements anew from their .in files
	@$(PYTHON) -m venv $(VENV)-pins && $(VENV)-pins/bin/pip install -q pip-tools
	@for file in requirements requirements-dev requirements-bench; do \
	  $(VENV)-pins/bin/pip-compile -q --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	    --no-annotate --no-header --output-file $$file.txt $$file.in; \
	  sed -i 's/+cpu$$//' $$file.txt; done
	@rm -rf $(VENV)-pins

clean: ## Stop the platform, remove the environment and what tests leave; the lake under var/ stays
	@test ! -x $(BIN)/sentiment || $(BIN)/sentiment down
	@rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache .pytest_cache .hypothesis var/test-airflow

# The pins are whole, so pip need not look for what they need; `pip check` says whether they are whole here as well, for
# another build of torch, for a GPU, brings packages of its own. pip compiles on one core, compileall on all.
# The checks need nothing but the Python that runs them; pip's own output is shown only when it fails.
$(VENV)/installed: requirements.txt pyproject.toml
	@$(PYTHON) include/sentiment_local/preflight.py .
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV)
	@echo "installing the pinned packages into $(VENV) (about 3 GB; two to three minutes the first time)"
	@$(PIP) --no-deps --no-compile -r requirements.txt
	@echo "compiling them"
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib > $(VENV)/not-compiled || true
	@$(BIN)/pip check -q > $(VENV)/lacking || { cat $(VENV)/lacking; echo "installing what this machine needs beside the pins"; \
	  $(PIP) -r requirements.txt; }
	@$(PIP) --no-deps -e .
	@if command -v java > /dev/null || test -n "$$JAVA_HOME"; then \
	  echo "keeping the classes of Spark, so that a JVM's driver starts in half the time"; \
	  $(BIN)/python -m sentiment_local.spark_classes || echo "the classes of Spark could not be kept: it will start more slowly"; fi
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.txt
	@$(PIP) --no-deps -r requirements-dev.txt
	@$(BIN)/pip check -q || $(PIP) -r requirements-dev.txt
	@touch $@

$(VENV)/installed-bench: $(VENV)/installed requirements-bench.txt
	@$(PIP) -r requirements-bench.txt
	@touch $@
