# Every target does its own set-up: Python 3.11 or newer and make are all it takes.
#   make demo PORT=8000     PYTHON=… names the Python, CHROMIUM=… the browser
#   APITOKENS_STRICT=1 make test    what is missing on the machine fails, not skips

VENV ?= .venv
PORT ?= 5000
# worksteal keeps a module's tests on one worker, and so what its fixtures made
PYTEST_ARGS ?= --numprocesses 2 --dist worksteal
export VENV PYTHON CHROMIUM

BIN := $(VENV)/bin
FAST := "not browser and not database and not packaging and not server"
TEMPLATES := $(wildcard flask_apitokens/templates templates example_app/templates)

.PHONY: help demo test test-fast test-lowest lint format types docs translations screenshots bench coverage setup lock clean

help:  ## say what there is to make
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo:  ## run the example host on http://127.0.0.1:5000 (PORT=…)
	@scripts/setup demo
	@$(BIN)/flask --app example_app demo --port $(PORT)

test: lint types docs  ## run every check, then every test
	@browser=$$($(BIN)/python scripts/find_browser.py --install) || true; \
		CHROMIUM=$${browser:-$$CHROMIUM} $(BIN)/pytest $(PYTEST_ARGS) --durations=15

test-fast: lint types  ## run what needs no server, no browser and no build
	@$(BIN)/pytest $(PYTEST_ARGS) -m $(FAST)

test-lowest:  ## run the same tests on the lowest versions that pyproject.toml promises
	@mkdir -p build && $$(scripts/find-python) scripts/lowest >build/constraints-lowest.txt
	@VENV=.venv-lowest CONSTRAINTS=build/constraints-lowest.txt scripts/setup lowest
	@.venv-lowest/bin/pytest $(PYTEST_ARGS) -m $(FAST)

lint: setup  ## check style, sizes, words, templates and the workflow of CI
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python -m scripts.check_style
	@$(BIN)/zizmor --quiet --offline .github
	@$(if $(TEMPLATES),$(BIN)/djlint --check $(TEMPLATES))
	@$(if $(TEMPLATES),$(BIN)/djlint --lint $(TEMPLATES))

format: setup  ## put the code and the templates in order
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(if $(TEMPLATES),$(BIN)/djlint --quiet --reformat $(TEMPLATES))

types: setup  ## check the types
	@$(BIN)/mypy

docs: setup  ## build the documentation, warnings as errors
	@$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going docs docs/_build/html

translations: setup  ## extract the sentences, update, compile and check the catalogues
	@$(BIN)/python -m scripts.translations

screenshots: setup  ## take the pictures of the README anew
	@$(BIN)/python -m scripts.screenshots

bench: setup  ## measure the guard beside its yardstick
	@$(BIN)/python -m bench guard

coverage: setup  ## run the tests and show the lines they miss
	@$(BIN)/pytest $(PYTEST_ARGS) --cov --cov-report=term-missing

setup:
	@scripts/setup dev

lock:  ## write constraints.txt anew, with the newest releases (PYTHON=python3.11)
	@scripts/lock

clean:  ## remove what was built, not the virtual environment
	rm -rf build dist docs/_build .coverage .coverage.* \
		.mypy_cache .pytest_cache .ruff_cache
