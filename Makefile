# Everything is one command; the first run sets itself up.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
UV     := $(BIN)/uv
CODE   := server otel stack drift dashboards bench alerting probe deploy tools tests examples

export TTSCOPE_DATA_DIR ?= var

.DEFAULT_GOAL := help
.PHONY: help run voices stack stack-build doctor doctor-numbers drift test test-long test-compose test-kubernetes ray bench lint format docs alerting house audit sbom lock clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: voices ## install what is missing, then speak on http://127.0.0.1:8010; a crash is followed by a restart
	@$(BIN)/python -m stack.supervised

voices: $(VENV)/.runtime ## install the default voice
	@$(BIN)/python -m server.voices install

stack: voices $(VENV)/.drift $(VENV)/.dashboards $(VENV)/.go ## the server with Collector, Prometheus, Jaeger, Alertmanager, MLflow, drift job and live dashboard
	@$(BIN)/python -m stack

stack-build: $(VENV)/.runtime $(VENV)/.go ## only build those four: about 10 minutes on two cores, once
	@$(BIN)/python -m stack.build

doctor: $(VENV)/.runtime ## send one request down the whole chain, and say which link is broken; ARGS=--compose for compose.yaml
	@$(BIN)/python -m stack.doctor $(ARGS)

doctor-numbers: $(VENV)/.dashboards ## also send a known load, and say which of five places disagree: 2 minutes
	@$(BIN)/python -m stack.doctor --numbers $(ARGS)

ray: voices $(VENV)/.ray ## a Ray cluster of two nodes on this machine, with the engine on both and the server before it
	@$(BIN)/python -m server.ray_serve local

drift: $(VENV)/.drift ## judge the windows that are due, of the events in var/; reports in var/drift
	@$(BIN)/python -m drift run

test: $(VENV)/.dev $(VENV)/.agents $(VENV)/.audit $(VENV)/.go lint ## lint, unit, integration with the real voice and the real pipeline, browser
	@$(BIN)/python -m stack.build # here, because it shows its progress
	@$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder

test-long: $(VENV)/.dev voices ## what takes long: ten times the examples, 10,000 requests, an hour's soak, 200,000 fuzzed inputs, the servers of bench
	@TTSCOPE_TEST_EXAMPLES=10 $(BIN)/python -m pytest -m hypothesis --timeout=1800 tests/unit
	@$(BIN)/python -m pytest tests/long

test-compose: $(VENV)/.dev $(VENV)/.go ## compose.yaml with a real Docker engine, from building the images to an upgrade: 15 minutes, 30 GB
	@$(BIN)/python -m pytest -s tests/compose

test-kubernetes: $(VENV)/.dev $(VENV)/.go ## the manifests on a cluster of two nodes that it starts here, as root: 45 minutes, 30 GB
	@$(BIN)/python -m pytest -s tests/cluster

bench: $(VENV)/.dev voices ## three servers in one run into bench/RESULTS.md: 15 minutes; tts-server needs espeak-ng
	@$(BIN)/python -m bench.servers

lint: $(VENV)/.dev ## ruff, mypy, the layering, generated files
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/hadolint deploy/*.Dockerfile
	@$(BIN)/python -m otel --check
	@$(BIN)/python -m stack.docs --check
	@$(BIN)/python -m drift.docs --check
	@$(BIN)/python -m server.reference --check
	@$(BIN)/python -m tests.client_table --check
	@$(BIN)/python -m dashboards build --check
	@$(BIN)/python -m alerting build --check
	@$(BIN)/python -m deploy.chart --check

format: $(VENV)/.dev ## put code into the project's form
	@$(BIN)/ruff check --fix $(CODE)
	@$(BIN)/ruff format $(CODE)

docs: $(VENV)/.dev ## write the generated references, Grafana's dashboards and the Helm chart
	@$(BIN)/python -m otel
	@$(BIN)/python -m stack.docs
	@$(BIN)/python -m drift.docs
	@$(BIN)/python -m server.reference
	@$(BIN)/python -m tests.client_table
	@$(BIN)/python -m dashboards build
	@$(BIN)/python -m deploy.chart

alerting: $(VENV)/.dev ## write rules, routes and Grafana's alerts from alerting/
	@$(BIN)/python -m alerting build
	@$(BIN)/python -m deploy.chart

house: ## measure the code: its names and its shape, and how many files an addition touches
	@$(PYTHON) -m tools.house
	@echo
	@$(PYTHON) -m tools.additions

audit: $(VENV)/.audit $(VENV)/.go ## look up known vulnerabilities of all that is pinned; exits 3 if a service can't be reached
	@$(BIN)/python -m tools.audit $(ARGS)

sbom: $(VENV)/.audit ## list the packages of each lock file, as CycloneDX, into var/sbom
	@$(BIN)/python -m tools.sbom $(TTSCOPE_DATA_DIR)/sbom

lock: $(UV) ## choose versions anew, within pyproject.toml
	@$(UV) pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 --upgrade \
	  pyproject.toml --output-file requirements.lock
	@$(UV) pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
	  pyproject.toml --extra drift --extra dashboards --extra japanese --extra s3 --extra ray --extra verify --extra wyoming --group dev --constraint requirements.lock --output-file requirements/dev.lock
	@for extra in drift dashboards; do \
	  $(BIN)/python -c 'import sys, tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"][sys.argv[1]], sep="\n")' $$extra | \
	    $(UV) pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
	    - --constraint requirements/dev.lock --output-file requirements/$$extra.lock || exit 1; \
	done
	@for extra in japanese s3 ray verify wyoming; do \
	  $(UV) pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
	    pyproject.toml --extra $$extra --constraint requirements/dev.lock --output-file requirements/$$extra.lock || exit 1; \
	done
	@for group in stack audit agents; do \
	  $(UV) pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
	    --group $$group --output-file requirements/$$group.lock || exit 1; \
	done

clean: ## remove what was built here; voices stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(UV): requirements/uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "ttscope needs Python 3.11 to 3.13; name one by make PYTHON=python3.12"; exit 1; }
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.lock
	@touch $@

$(VENV)/.runtime: requirements.lock $(UV)
	@echo "installing what the server needs (5 GB the first time: torch brings CUDA)"
	@$(UV) pip install --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(UV)
	@echo "installing what the tests need (5 GB the first time: torch brings CUDA)"
	@$(UV) pip install --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/dev.lock
	@touch $@ $(VENV)/.runtime $(VENV)/.drift $(VENV)/.dashboards $(VENV)/.ray

$(VENV)/.drift: requirements/drift.lock $(VENV)/.runtime
	@echo "installing what the drift job needs (1 GB)"
	@$(UV) pip install --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/drift.lock
	@touch $@

$(VENV)/.dashboards: requirements/dashboards.lock $(VENV)/.runtime
	@echo "installing what the live dashboard needs (300 MB)"
	@$(UV) pip install --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/dashboards.lock
	@touch $@

$(VENV)/.ray: requirements/ray.lock $(VENV)/.runtime
	@echo "installing Ray (300 MB)"
	@$(UV) pip install --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/ray.lock
	@touch $@

$(VENV)/.go: requirements/stack.lock $(UV)
	@$(BIN)/python -c 'from stack.toolchain import find; find()' 2> /dev/null || \
	  { echo "installing Go (240 MB)"; \
	    $(UV) pip install --python $(BIN)/python --require-hashes -r requirements/stack.lock; }
	@touch $@

$(VENV)/.agents: requirements/agents.lock $(UV)
	@echo "installing LiveKit and Pipecat, whose clients are tested, in a folder of their own (700 MB)"
	@$(UV) venv --quiet --allow-existing --python $(BIN)/python $(VENV)/agents
	@$(UV) pip install --python $(VENV)/agents/bin/python --require-hashes -r requirements/agents.lock
	@touch $@

$(VENV)/.audit: requirements/audit.lock $(UV)
	@echo "installing what audits, in a folder of its own (60 MB)"
	@$(UV) venv --quiet --allow-existing --python $(BIN)/python $(VENV)/audit
	@$(UV) pip install --python $(VENV)/audit/bin/python --require-hashes -r requirements/audit.lock
	@touch $@
