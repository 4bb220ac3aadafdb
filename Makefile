# Everything a newcomer needs: `make demo` to see it, `make test` to trust it, `make check` before each commit.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet --require-hashes

.PHONY: setup demo test check bench live-stripe lock translations format help
.DEFAULT_GOAL := help

help:  ## list what can be made
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

# The stamps hold what was installed, so that setup runs again only when the locked requirements change.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Coinpurse needs Python 3.11 or later; '$(PYTHON)' is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "Could not make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@touch $@

$(VENV)/.runtime: requirements/runtime.txt requirements/build.txt pyproject.toml | $(VENV)/.made
	@echo "Installing Coinpurse into $(VENV) ..."
	@$(INSTALL) -r requirements/runtime.txt -r requirements/build.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@echo "Installing the tools for tests ..."
	@$(INSTALL) -r requirements/dev.txt
	@touch $@

setup: $(VENV)/.dev  ## make .venv with everything in it

demo: $(VENV)/.runtime  ## run the sample app on http://127.0.0.1:8080
	@$(BIN)/coinpurse demo

test: setup  ## run every test, on PostgreSQL 18 and 15, with a browser
	@bash tests/prepare.sh
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

# The engine and whoever asks it first. What stands around it (providers' events, pages, whole lives) is in `make test`.
FAST = $(addprefix tests/,domain rules stories store agreement app api) $(wildcard tests/test_*.py)

check: setup  ## lint, types, architecture and the engine's tests (under two minutes)
	@$(BIN)/ruff check src tests bench scripts
	@$(BIN)/ruff format --check src tests bench scripts
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@COINPURSE_TEST_PG=18 COINPURSE_TEST_LIVES=40 $(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow" $(FAST) $(ARGS)

bench: setup  ## measure charging against the hand-written way (about five minutes; leave the machine alone meanwhile)
	@$(INSTALL) -r requirements/bench.txt
	@$(BIN)/python bench/run.py $(ARGS)

live-stripe: setup  ## live some scenarios in a real Stripe test account (COINPURSE_LIVE_STRIPE_KEY=sk_test_...)
	@test -n "$$COINPURSE_LIVE_STRIPE_KEY" || \
		{ echo "Set COINPURSE_LIVE_STRIPE_KEY to a secret key for test money (sk_test_...); what it makes hangs on a test clock and goes with it."; exit 2; }
	@COINPURSE_TEST_PG=18 $(BIN)/python -m pytest tests/live_stripe -m slow $(ARGS)

translations: setup  ## bring the pages' translations in step with the code; names what is not translated yet
	@$(BIN)/python scripts/translations.py

format: setup  ## tidy up the code's form
	@$(BIN)/ruff check --fix src tests bench scripts
	@$(BIN)/ruff format src tests bench scripts

# No index address and no path may land in the lock files: they must work with any registry that serves the same files.
COMPILE = env -u UV_INDEX_URL -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS $(BIN)/uv pip compile --quiet --no-config --universal \
	--python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
	--custom-compile-command "make lock"

lock: $(VENV)/.made  ## resolve the requirements anew (UPGRADE=--upgrade for the newest)
	@$(PIP) install --quiet uv
	@$(COMPILE) $(UPGRADE) pyproject.toml -o requirements/runtime.txt
	@$(COMPILE) $(UPGRADE) -c requirements/runtime.txt --group build -o requirements/build.txt
	@$(COMPILE) $(UPGRADE) -c requirements/runtime.txt -c requirements/build.txt pyproject.toml --group dev -o requirements/dev.txt
	@$(COMPILE) $(UPGRADE) -c requirements/runtime.txt --group bench -o requirements/bench.txt
