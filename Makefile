# Everything a newcomer needs, with nothing but python3 (3.11 or newer) present.
# uv does the installing because it is quick; requirements.lock says exactly what, by hash.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= auto

.PHONY: install demo serve up down notebooks test slow feast chaos lint bench lock clean

install: $(VENV)/.installed

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "drift needs Python 3.11 or newer; name one with make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.8"
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --require-hashes requirements.lock
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: install            ## replay the real data in the box, and say what to open
	$(BIN)/drift demo --dir demo

serve: install           ## the demo as a service: scheduler, /metrics, reports
	@test -f demo/drift.yaml || $(BIN)/drift demo --dir demo
	$(BIN)/drift serve -c demo/drift.yaml --at 2008-01-05T12:04:30Z

up:                      ## see it all in containers: Prometheus, Grafana, Jaeger, Elastic, MLflow (docs/deploy.md)
	@test -f .env || cp .env.example .env
	docker compose up --build --detach

down:                    ## stop them; their volumes stay
	docker compose down

notebooks: install       ## run the notebooks from scratch, and write each .ipynb from its .py
	OMP_NUM_THREADS=1 $(BIN)/python notebooks/execute.py

test: install lint       ## everything but what is slow
	$(BIN)/python -m pytest -n $(JOBS) -m "not slow"

slow: install            ## what is slow: killings, notebooks, Spark, many worlds
	$(BIN)/python -m pytest -n $(JOBS) -m slow

feast: .venv-feast/.installed  ## the Feast store on real Feast, which wants pandas 2 and so has an environment of its own
	DRIFT_FEAST=1 .venv-feast/bin/python -m pytest -n $(JOBS) -m feast tests/contract/test_stores.py tests/e2e/test_feast_store.py

.venv-feast/.installed: requirements-feast.lock pyproject.toml $(VENV)/.installed
	@test -x .venv-feast/bin/python || $(PYTHON) -m venv .venv-feast
	@VIRTUAL_ENV=.venv-feast $(BIN)/uv pip sync --quiet --require-hashes requirements-feast.lock
	@VIRTUAL_ENV=.venv-feast $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

chaos: install           ## kill replicas -9 while they work, and count what became of slots and messages
	$(BIN)/python -m pytest -s tests/faults/test_chaos.py tests/faults/test_replicas.py

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install           ## the figures that README and docs cite; its own tools stay out of .venv
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	@VIRTUAL_ENV=.venv-bench $(BIN)/uv pip install --quiet -r requirements.lock -r benchmarks/requirements.txt
	@VIRTUAL_ENV=.venv-bench $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	.venv-bench/bin/python -m benchmarks

lock:                    ## bring requirements.lock and requirements-feast.lock up to date with pyproject.toml
	@test -x $(BIN)/uv || { $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet "uv>=0.8"; }
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra dev --extra notebook \
	  --custom-compile-command "make lock" --no-emit-index-url --output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra dev --extra feast \
	  --custom-compile-command "make lock" --no-emit-index-url --output-file requirements-feast.lock pyproject.toml

clean:
	rm -rf $(VENV) .venv-bench .venv-feast demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache build dist
