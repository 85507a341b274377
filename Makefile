# Each target sets itself up in .venv and needs nothing but Python, make and git.
PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python
STAMP  := $(VENV)/.installed

.PHONY: demo test check lint bench clean

demo: $(STAMP)  ## from nothing to figure1.png and angry.mp4 in ./demo
	$(RUN) -m mead_manip demo

test: $(STAMP)  ## every test that needs neither a GPU nor foreign weights
	$(RUN) -m pytest -q -n 2 --dist loadfile

lint: $(STAMP)
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports

check: lint test  ## what CI runs

bench: $(STAMP)  ## the speeds that are promised, on this machine
	@set -e; for file in tests/bench/bench_*.py; do echo "== $$file"; $(RUN) $$file; done

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache

# Installed again only when pyproject.toml has changed.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "mead-manip needs Python 3.11 or newer; '$(PYTHON)' is not: try 'make PYTHON=python3.11 $(MAKECMDGOALS)'" >&2; exit 1; }
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV) || \
	  { echo "'$(PYTHON) -m venv' failed: install Python's venv module (Debian: apt install python3-venv)" >&2; exit 1; }
	$(RUN) -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $(STAMP)
