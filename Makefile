# Every target sets up what it needs. Each purpose has its own virtual environment, which is
# rebuilt when its contents change. PYTHON is the interpreter that creates them.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Builds write into the source tree, so two of them never run at once, whatever -j says.
.NOTPARALLEL:
.PHONY: demo test quick faults torture lint types wheels smoke kit kit-real docs bench bench-large bench-peers \
	test-lowest test-others judges lock clean help

USABLE := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
ifndef PYTHON
PYTHON := $(shell for each in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	"$$each" -c '$(USABLE)' >/dev/null 2>&1 && echo "$$each" && break; done)
endif

# Tests start hundreds of interpreters. Without bytecode files, each would compile the sources again.
unexport PYTHONDONTWRITEBYTECODE

# The number of processes that run the tests: for two processors, four. A third of the time, tests wait
# for other processes, for leases, and for time limits.
JOBS ?= $(shell cores=$$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN) && echo $$((cores + cores / 2 + 1)))
# Only processes fail in the tests, not the machine. So files that they write need no disk, which would
# make every commit of a ledger wait. Containers may have a tiny folder in memory, or a restricted one.
IN_MEMORY := $(shell folder=/dev/shm; [ -w $$folder ] && ! grep -q " $$folder .*noexec" /proc/mounts && \
	[ "$$(df -Pk $$folder | awk 'END {print $$4}')" -gt 4000000 ] && echo $$folder)
test quick faults torture test-lowest test-others: export TMPDIR := $(or $(TMPDIR),$(IN_MEMORY))

ADAPTERS := $(sort $(patsubst %/pyproject.toml,%,$(wildcard adapters/*/pyproject.toml)))
# Packages as a third party would write them. Only `make kit` installs them.
EXAMPLES := $(sort $(patsubst %/pyproject.toml,%,$(wildcard examples/adapters/*/pyproject.toml)))
# A project may have several providers. Only `make kit` reads their names.
PROVIDERS = $(shell "$(PYTHON)" scripts/provider_names.py $(ADAPTERS) $(EXAMPLES))
PACKAGES := livestream_core $(foreach each,$(ADAPTERS),livestream_$(notdir $(each)))
# The lock files. `make lock` writes them.
NEWEST := requirements/newest.txt
LOWEST := requirements/lowest.txt
JUDGES := requirements/judges.txt
PROJECTS := Makefile scripts/make_venv $(NEWEST) pyproject.toml setup.cfg \
	livestream_core/_version.py $(wildcard adapters/*/pyproject.toml adapters/*/setup.cfg)
SOURCES := $(PROJECTS) README.md LICENSE livestream_core_pytest.py \
	$(shell find livestream_core adapters -name __pycache__ -prune -o -path '*/tests' -prune -o \
		-name '*.egg-info' -prune -o -type f -print)
# The type checkers also check these: programs, and the tests that are fully typed.
TYPED := livestream_core_pytest.py $(wildcard scripts/*.py examples/*.py examples/platform_*/*/*.py benchmarks/*.py benchmarks/*/*.py \
	tests/repository/*.py tests/model/test_typing.py tests/typing/*.py \
	tests/docs/*.py tests/support/run_page.py \
	docs/_extensions/judge_tables.py docs/_extensions/kit_tables.py docs/_extensions/line_counts.py \
	docs/_extensions/provider_tables.py docs/_extensions/status_diagram.py)
# Where npm installs Node-Media-Server for the tests.
NODE_SERVER := adapters/node_media_server/tests/server
# Pyright reads the packages of the first Python in PATH. It needs no network: pyright itself and
# Node.js come from wheels.
PYRIGHT = cd .venv-types && PATH="$$PWD/bin:$$PATH" PYRIGHT_PYTHON_IGNORE_WARNINGS=1 bin/pyright
# The emulators are in the `sandbox` extra of each adapter.
ADAPTER_WHEELS = $$(for each in dist/*.whl; do case $$each in dist/livestream_core-*) ;; \
	*) echo "$$each[sandbox]" ;; esac; done)
# Variables, because a literal comma would separate the arguments of a call.
SMOKED := cli,migrate
KIT := async,testing
EDITABLE = $(foreach each,$(ADAPTERS),-e "./$(each)[sandbox]")

# The extras that users install. The other extras are for work on this repository.
USERS := async,cli,dask,django,fastapi,flask,otel,probe,redis,rsa,sharing,testing

# $(call make-venv,FOLDER,WHAT PIP INSTALLS,LOCK FILE)
define make-venv
	@test -n "$(PYTHON)" || { \
		echo "found no Python 3.11 or later with venv; name one: make PYTHON=/path/to/python" >&2; \
		exit 1; }
	@scripts/make_venv "$(PYTHON)" "$(1)" "$(or $(3),$(NEWEST))" $(2)
endef

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: .venv-demo/.stamp ## tour every provider on emulators; you do not need an account
	@.venv-demo/bin/livestream demo

test: .venv/.stamp $(NODE_SERVER)/node_modules/.stamp ## run all tests; COVERAGE=1 also requires 95 % branch coverage
ifeq ($(COVERAGE),)
	@.venv/bin/python -m pytest -n "$(JOBS)" --dist worksteal $(PYTEST_ARGS)
else
	@rm -f .coverage .coverage.*
	@.venv/bin/python -m coverage run -m pytest -n "$(JOBS)" --dist worksteal $(PYTEST_ARGS)
	@.venv/bin/python -m coverage combine --quiet
	@.venv/bin/python -m coverage report
endif

quick: .venv/.stamp ## run the fast tests: no slow ones, no pages, no processes; under a minute
	@.venv/bin/python -m pytest -n "$(JOBS)" --dist worksteal -m "not (slow or docs or processes)" $(PYTEST_ARGS)

faults: .venv/.stamp ## interrupt 200 migrations and 200 durable creates: kill, stop, and disconnect them; 13 minutes
	@.venv/bin/python -m tests.torture --runs 200
	@.venv/bin/python -m tests.durable --runs 200

torture: .venv/.stamp ## interrupt RUNS=5000 migrations, from SEED=1 on; takes hours
	@.venv/bin/python -m tests.torture --runs "$(or $(RUNS),5000)" --seed "$(or $(SEED),1)"

lint: .venv/.stamp ## check the rules and the format with ruff
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .

wheels: dist/.stamp ## build the wheels and their SBOM (CycloneDX) into dist

types: .venv-types/.stamp ## check types with mypy --strict and pyright: the installed wheels, scripts, examples
	@cd .venv-types && bin/python -m mypy --strict --config-file ../pyproject.toml \
		--cache-dir ../.mypy_cache $(PACKAGES:%=-p %)
	@cd .venv-types && MYPYPATH=../tests/support bin/python -m mypy --strict \
		--config-file ../pyproject.toml --cache-dir ../.mypy_cache $(addprefix ../,$(TYPED))
	@for each in $(PACKAGES); do ( $(PYRIGHT) --verifytypes "$$each" --ignoreexternal ) \
		> .venv-types/log || { cat .venv-types/log; exit 1; }; \
		sed -n "s/^Type completeness score/$$each: public names with a known type/p" .venv-types/log; done
	@$(PYRIGHT) --project ../tests/typing

smoke: .venv-smoke/.stamp ## try the installed wheels, away from the sources
	@folder="$$(mktemp -d)" && trap 'rm -rf "$$folder"' EXIT && cd "$$folder" && \
		env -u PYTHONPATH "$(CURDIR)/.venv-smoke/bin/python" -I "$(CURDIR)/scripts/smoke.py" "$(CURDIR)"

kit: .venv-kit/.stamp ## run the conformance kit on every adapter with both clients; build/kit/report.json
	@folder="$$(mktemp -d)" && trap 'rm -rf "$$folder"' EXIT && cd "$$folder" && \
		env -u PYTHONPATH "$(CURDIR)/.venv-kit/bin/python" -I -m pytest -q -W error \
			-p no:cacheprovider -n "$(JOBS)" --dist worksteal --livestream-client both \
			$(foreach each,memory $(PROVIDERS),--livestream-adapter $(each)) \
			$(foreach each,$(wildcard $(CURDIR)/adapters/*/tests/recorded),--livestream-captures $(each)) \
			--livestream-report="$(CURDIR)/build/kit/report.json"
	@env -u PYTHONPATH .venv-kit/bin/python -s scripts/capability_table.py --against build/kit/report.json

kit-real: .venv/.stamp $(NODE_SERVER)/node_modules/.stamp ## run the kit on emulators and on real servers; build/kit/real.json
	@.venv/bin/python -m pytest -q -p no:cacheprovider -n "$(JOBS)" --dist worksteal \
		--livestream-adapter nginx-rtmp --livestream-adapter node-media-server \
		--livestream-server adapters/nginx_rtmp/tests/real_nginx.py:RealNginx \
		--livestream-server $(dir $(NODE_SERVER))real_node_media_server.py:RealNodeMediaServer \
		--livestream-report=build/kit/real.json $(PYTEST_ARGS)
	@.venv/bin/python scripts/real_columns.py build/kit/real.json

docs: .venv-docs/.stamp ## build the site into build/docs; warnings are errors
	@.venv-docs/bin/python -m sphinx --fresh-env --nitpicky --fail-on-warning --keep-going --quiet \
		--jobs auto --doctree-dir build/doctrees docs build/docs
	@echo "build/docs/index.html"

bench: .venv-bench/.stamp ## measure the library against the same work without it; 12 minutes
	@.venv-bench/bin/python -m benchmarks $(BENCH_ARGS)

bench-large: .venv/.stamp ## measure migrations of SIZES="1000 10000 100000" streams; takes an hour
	@.venv/bin/python -m benchmarks.large $(SIZES) $(BENCH_ARGS)

bench-peers: .venv-bench-peers/.stamp ## measure other vendors' SDKs, which are installed from PyPI
	@.venv-bench-peers/bin/python -m benchmarks --peers $(BENCH_ARGS)

test-lowest: .venv-lowest/.stamp ## run most tests with the lowest supported versions of the dependencies
	@.venv-lowest/bin/python -m pytest -p no:cacheprovider -n "$(JOBS)" --dist worksteal \
		$(foreach each,benchmarks docs examples processes/test_celery migrate/test_faults durable/test_faults model/test_typing, \
			--ignore-glob="tests/$(each)*") $(PYTEST_ARGS)

test-others: ## run most tests on every other installed Python from 3.11 up
	@JOBS="$(JOBS)" PYTEST_ARGS="$(PYTEST_ARGS)" VERSIONS="$(VERSIONS)" scripts/test_others "$(PYTHON)" "$(NEWEST)" $(EDITABLE)

judges: .venv-judges/.stamp judges/node_modules/.stamp ## let vendors' official SDKs judge the emulators
	@.venv-judges/bin/python -m pytest -q -p no:cacheprovider judges $(PYTEST_ARGS)

lock: .venv-lock/.stamp ## update the lock files in requirements
	@scripts/lock .venv-lock/bin/uv "$(USERS)"

clean: ## remove everything that these targets created
	@rm -rf .venv .venv-* .wheels judges/node_modules $(NODE_SERVER)/node_modules build dist \
		.coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache htmlcov *.egg-info adapters/*/build adapters/*/dist adapters/*/src/*.egg-info \
		examples/adapters/*/src/*.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.stamp: $(PROJECTS)
	$(call make-venv,.venv,-e ".[dev]" $(EDITABLE))

.venv-lowest/.stamp: $(PROJECTS) $(LOWEST)
	$(call make-venv,.venv-lowest,-e ".[$(USERS)]" $(EDITABLE) opentelemetry-sdk pytest-xdist trustme uvloop,$(LOWEST))

.venv-judges/.stamp: $(PROJECTS) $(JUDGES) judges/requirements.txt $(EXAMPLES:%=%/pyproject.toml)
	$(call make-venv,.venv-judges,-e ".[testing]" $(EDITABLE) \
		$(foreach each,$(EXAMPLES),-e "./$(each)[sandbox]") -r judges/requirements.txt,$(JUDGES))

%/node_modules/.stamp: %/package.json %/package-lock.json
	@if command -v npm >/dev/null; then \
		npm ci --prefix "$*" --ignore-scripts --no-audit --no-fund --loglevel error && touch "$@" || \
		echo "== npm failed: what needs $*/package.json is skipped" >&2; \
	else echo "== found no npm: what needs $*/package.json is skipped" >&2; fi

# Without this repository, which may need packages that the lock file does not have yet.
.venv-lock/.stamp: scripts/make_venv
	$(call make-venv,.venv-lock,uv)

.venv-demo/.stamp: $(PROJECTS)
	$(call make-venv,.venv-demo,-e ".[cli]" $(EDITABLE))

.venv-docs/.stamp: $(PROJECTS)
	$(call make-venv,.venv-docs,-e ".[docs]" $(EDITABLE))

# Built from source distributions, so that a wheel contains nothing from an earlier build.
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
			"$$each" || echo "== cannot install $$each" >&2; done
