# Sightline: make run, make test, make check, make bench, make image, make clean.
#
#   make run ARGS="--listen 0.0.0.0:53 --workers 2"
#   make test PYTHON=python3.12 [ARGS="-k views -x"]

PYTHON ?= python3
VENV   ?= .venv
IMAGE  ?= sightline
ARGS   ?=

BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# A Python that is asked for by name replaces a virtual environment that another one made.
ifneq ($(origin PYTHON),file)
  VERSION_OF = $(shell $(1) -c 'import sys; print(sys.version)' 2>/dev/null)
  ifeq ($(call VERSION_OF,$(PYTHON)),)
    $(error $(PYTHON) does not run)
  endif
  ifneq ($(wildcard $(BIN)/python),)
    ifneq ($(call VERSION_OF,$(PYTHON)),$(call VERSION_OF,$(BIN)/python))
      $(shell rm -rf '$(VENV)')
    endif
  endif
endif

.PHONY: help run test check format bench image clean
.DEFAULT_GOAL := help

help:
	@echo 'make run     serve zones/ on 127.0.0.1:1053        ARGS="options of sightline serve"'
	@echo 'make test    the whole test suite                  ARGS="options of pytest"'
	@echo 'make check   lint, format, types, sample zones'
	@echo 'make format  put the code into the format that make check asks for'
	@echo 'make bench   our numbers, measured here            ARGS="options of bench"'
	@echo 'make image   the container image "$(IMAGE)"         (docker or podman)'
	@echo 'make clean   remove what the other targets made'

# The server's own defaults are ./zones and 127.0.0.1:1053, so options in ARGS replace them.
run: $(VENV)/.installed
	@exec $(BIN)/sightline serve $(ARGS)

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sightline check --zones zones --strict

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-test
	$(BIN)/python -m bench $(ARGS)

image:
	@for engine in docker podman; do \
	  "$$engine" info >/dev/null 2>&1 || continue; \
	  if [ "$$engine" = podman ]; then set -- --format docker; else set --; fi; \
	  revision=$$(git rev-parse --short HEAD 2>/dev/null || echo unknown); \
	  set -- "$$engine" build "$$@" --build-arg REVISION="$$revision" -t '$(IMAGE)' .; \
	  echo "$$@"; exec "$$@"; \
	done; \
	echo 'make image: neither docker nor podman works here (try: docker info)' >&2; exit 1

clean:
	rm -rf '$(VENV)' build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# ---- the virtual environment: made once, installed again only when pyproject.toml or what is
# ---- compiled changes

COMPILED = resolver/listen/_pump.c

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'make: $(PYTHON) is missing or older than Python 3.11; try: make $(MAKECMDGOALS) PYTHON=python3.13' >&2; exit 1; }
	@$(PYTHON) -m venv --clear '$(VENV)' || { \
	  rm -rf '$(VENV)'; echo 'make: $(PYTHON) cannot make $(VENV) (on Debian: apt install python3-venv)' >&2; exit 1; }

$(VENV)/.installed: pyproject.toml $(COMPILED) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-test: pyproject.toml $(COMPILED) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-dev: pyproject.toml $(COMPILED) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[test,dev]'
	@touch $@ $(VENV)/.installed-test $(VENV)/.installed
