# Every target sets up what it needs. Each purpose has a virtual environment of its own, which is
# made anew when what it holds changes. PYTHON is the interpreter that makes them.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Builds write into the source tree, so two of them never run at once, whatever -j says.
.NOTPARALLEL:
.PHONY: demo test quick faults torture lint types wheels smoke kit docs bench bench-peers test-lowest \
	test-others lock clean help

USABLE := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
ifndef PYTHON
PYTHON := $(shell for each in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	"$$each" -c '$(USABLE)' >/dev/null 2>&1 && echo "$$each" && break; done)
endif

# Tests start hundreds of interpreters, and each would compile the sources again.
unexport PYTHONDONTWRITEBYTECODE

# How many processes run the tests.
JOBS ?= auto

ADAPTERS := $(sort $(patsubst %/pyproject.toml,%,$(wildcard adapters/*/pyproject.toml)))
# Written by an outsider, as it were: only the kit has them installed.
EXAMPLES := $(sort $(patsubst %/pyproject.toml,%,$(wildcard examples/adapters/*/pyproject.toml)))
PACKAGES := livestream_core $(foreach each,$(ADAPTERS),livestream_$(notdir $(each)))
# Which version of what is installed; `make lock` writes both.
NEWEST := requirements/newest.txt
LOWEST := requirements/lowest.txt
PROJECTS := Makefile scripts/make_venv $(NEWEST) pyproject.toml setup.cfg \
	livestream_core/_version.py $(wildcard adapters/*/pyproject.toml adapters/*/setup.cfg)
SOURCES := $(PROJECTS) README.md LICENSE livestream_core_pytest.py \
	$(shell find livestream_core adapters -name __pycache__ -prune -o -path '*/tests' -prune -o \
		-name '*.egg-info' -prune -o -type f -print)
# What is checked besides the packages: programs, and those tests that are typed throughout.
TYPED := livestream_core_pytest.py $(wildcard scripts/*.py examples/*.py benchmarks/*.py benchmarks/*/*.py \
	tests/repository/*.py tests/model/test_typing.py tests/typing/*.py \
	tests/docs/*.py tests/support/run_page.py \
	docs/_extensions/kit_tables.py docs/_extensions/line_counts.py \
	docs/_extensions/provider_tables.py docs/_extensions/status_diagram.py)
# It reads what the first Python of the PATH has installed, and needs no network: pyright itself
# and a Node.js are in wheels.
PYRIGHT = cd .venv-types && PATH="$$PWD/bin:$$PATH" PYRIGHT_PYTHON_IGNORE_WARNINGS=1 bin/pyright
# Emulators are in the extra `sandbox` of each.
ADAPTER_WHEELS = $$(for each in dist/*.whl; do case $$each in dist/livestream_core-*) ;; \
	*) echo "$$each[sandbox]" ;; esac; done)
# By a name: a comma would part the arguments of a call.
SMOKED := cli,migrate
KIT := async,testing
EDITABLE = $(foreach each,$(ADAPTERS),-e "./$(each)[sandbox]")

# What users install; the other extras are for work on this repository.
USERS := async,cli,dask,testing

# $(call make-venv,FOLDER,WHAT PIP INSTALLS,LOCK FILE)
define make-venv
	@test -n "$(PYTHON)" || { \
		echo "No Python from 3.11 up with venv was found; say which: make PYTHON=/path/to/python" >&2; \
		exit 1; }
	@scripts/make_venv "$(PYTHON)" "$(1)" "$(or $(3),$(NEWEST))" $(2)
endef

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: .venv-demo/.stamp ## a tour of every provider, on emulators; no account is needed
	@.venv-demo/bin/livestream demo

test: .venv/.stamp ## all tests; with COVERAGE=1 also branch coverage, of at least 95 %
ifeq ($(COVERAGE),)
	@.venv/bin/python -m pytest -n "$(JOBS)" --dist worksteal $(PYTEST_ARGS)
else
	@rm -f .coverage .coverage.*
	@.venv/bin/python -m coverage run -m pytest -n "$(JOBS)" --dist worksteal $(PYTEST_ARGS)
	@.venv/bin/python -m coverage combine --quiet
	@.venv/bin/python -m coverage report
endif

quick: .venv/.stamp ## the tests that need no patience: not slow, no pages, no processes; under a minute
	@.venv/bin/python -m pytest -n "$(JOBS)" --dist worksteal -m "not (slow or docs or processes)" $(PYTEST_ARGS)

faults: .venv/.stamp ## 200 migrations that are killed, stopped and cut off; 5 minutes
	@.venv/bin/python -m tests.torture --runs 200

torture: .venv/.stamp ## the same with RUNS=5000, from SEED=1 on; hours
	@.venv/bin/python -m tests.torture --runs "$(or $(RUNS),5000)" --seed "$(or $(SEED),1)"

lint: .venv/.stamp ## ruff: rules and format
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .

wheels: dist/.stamp ## the four wheels, and what they need as CycloneDX (an SBOM), in dist

types: .venv-types/.stamp ## mypy --strict and pyright over the installed wheels; scripts, examples
	@cd .venv-types && bin/python -m mypy --strict --config-file ../pyproject.toml \
		--cache-dir ../.mypy_cache $(PACKAGES:%=-p %)
	@cd .venv-types && MYPYPATH=../tests/support bin/python -m mypy --strict \
		--config-file ../pyproject.toml --cache-dir ../.mypy_cache $(addprefix ../,$(TYPED))
	@for each in $(PACKAGES); do ( $(PYRIGHT) --verifytypes "$$each" --ignoreexternal ) \
		> .venv-types/log || { cat .venv-types/log; exit 1; }; \
		sed -n "s/^Type completeness score/$$each: public names with a known type/p" .venv-types/log; done
	@$(PYRIGHT) --project ../tests/typing

smoke: .venv-smoke/.stamp ## the wheels alone, away from the sources
	@folder="$$(mktemp -d)" && trap 'rm -rf "$$folder"' EXIT && cd "$$folder" && \
		env -u PYTHONPATH "$(CURDIR)/.venv-smoke/bin/python" -I "$(CURDIR)/scripts/smoke.py" "$(CURDIR)"

kit: .venv-kit/.stamp ## the conformance kit on every adapter with both clients, from the wheels; build/kit/report.json
	@folder="$$(mktemp -d)" && trap 'rm -rf "$$folder"' EXIT && cd "$$folder" && \
		env -u PYTHONPATH "$(CURDIR)/.venv-kit/bin/python" -I -m pytest -q -W error \
			-p no:cacheprovider -n "$(JOBS)" --dist worksteal --livestream-client both \
			$(foreach each,memory $(notdir $(ADAPTERS) $(EXAMPLES)),--livestream-adapter $(each)) \
			--livestream-report="$(CURDIR)/build/kit/report.json"
	@.venv-kit/bin/python -I scripts/capability_table.py --against build/kit/report.json

docs: .venv-docs/.stamp ## the site, in build/docs; warnings are errors
	@.venv-docs/bin/python -m sphinx --fresh-env --nitpicky --fail-on-warning --keep-going --quiet \
		--jobs auto --doctree-dir build/doctrees docs build/docs
	@echo "build/docs/index.html"

bench: .venv-bench/.stamp ## what it costs, beside the same work without it; 12 minutes
	@.venv-bench/bin/python -m benchmarks $(BENCH_ARGS)

bench-peers: .venv-bench-peers/.stamp ## the same of other vendors' SDKs, which are installed from PyPI
	@.venv-bench-peers/bin/python -m benchmarks --peers $(BENCH_ARGS)

test-lowest: .venv-lowest/.stamp ## most of the tests with the lowest versions that users may have
	@.venv-lowest/bin/python -m pytest -p no:cacheprovider -n "$(JOBS)" --dist worksteal \
		$(foreach each,benchmarks docs examples processes/test_celery migrate/test_faults model/test_typing, \
			--ignore-glob="tests/$(each)*") $(PYTEST_ARGS)

test-others: ## most of the tests on every other Python from 3.12 up that is here
	@JOBS="$(JOBS)" PYTEST_ARGS="$(PYTEST_ARGS)" VERSIONS="$(VERSIONS)" scripts/test_others "$(PYTHON)" "$(NEWEST)" $(EDITABLE)

lock: .venv-lock/.stamp ## renew the versions in requirements
	@scripts/lock .venv-lock/bin/uv "$(USERS)"

clean: ## remove all that these targets made
	@rm -rf .venv .venv-* .wheels build dist .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache \
		.ruff_cache htmlcov *.egg-info adapters/*/build adapters/*/dist adapters/*/src/*.egg-info \
		examples/adapters/*/src/*.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.stamp: $(PROJECTS)
	$(call make-venv,.venv,-e ".[dev]" $(EDITABLE))

.venv-lowest/.stamp: $(PROJECTS) $(LOWEST)
	$(call make-venv,.venv-lowest,-e ".[$(USERS)]" $(EDITABLE) pytest-xdist trustme uvloop,$(LOWEST))

# Not this repository, which may need what the lock file does not name yet.
.venv-lock/.stamp: scripts/make_venv
	$(call make-venv,.venv-lock,uv)

.venv-demo/.stamp: $(PROJECTS)
	$(call make-venv,.venv-demo,-e ".[cli]" $(EDITABLE))

.venv-docs/.stamp: $(PROJECTS)
	$(call make-venv,.venv-docs,-e ".[docs]" $(EDITABLE))

# By way of source distributions, so that a wheel holds nothing that a former build left behind.
dist/.stamp: $(SOURCES) scripts/sbom.py .venv/.stamp
	@rm -rf dist && mkdir dist
	@for each in . $(ADAPTERS); do \
		echo "== building $$each"; \
		.venv/bin/python -m build --no-isolation --outdir dist "$$each" > dist/log 2>&1 || \
			{ cat dist/log >&2; exit 1; }; done; rm dist/log
	@.venv/bin/python scripts/sbom.py dist "$(USERS)"
	@touch "$@"

.venv-types/.stamp: dist/.stamp
	$(call make-venv,.venv-types,"$$(ls dist/livestream_core-*.whl)[types]" $(ADAPTER_WHEELS))

.venv-smoke/.stamp: dist/.stamp
	$(call make-venv,.venv-smoke,"$$(ls dist/livestream_core-*.whl)[$(SMOKED)]" $(ADAPTER_WHEELS))

.venv-kit/.stamp: dist/.stamp $(EXAMPLES:%=%/pyproject.toml)
	$(call make-venv,.venv-kit,"$$(ls dist/livestream_core-*.whl)[$(KIT)]" $(ADAPTER_WHEELS) \
		$(foreach each,$(EXAMPLES),-e "./$(each)") pytest-xdist)

.venv-bench/.stamp: dist/.stamp
	$(call make-venv,.venv-bench,"$$(ls dist/livestream_core-*.whl)[bench]" $(ADAPTER_WHEELS))

.venv-bench-peers/.stamp: Makefile benchmarks/peers/requirements.txt
	$(call make-venv,.venv-bench-peers,requests)
	@grep -v '^#' benchmarks/peers/requirements.txt | while read -r each; do \
		PIP_DISABLE_PIP_VERSION_CHECK=1 .venv-bench-peers/bin/python -m pip install -qq --no-input \
			"$$each" || echo "== $$each cannot be installed" >&2; done
