# Two commands do everything: `make run` opens the app, `make test` proves it.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PY := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check

# As many processes as cores; a file of tests stays in one.
TOGETHER := -n logical --dist loadfile --no-loadscope-reorder
export PY TOGETHER

.PHONY: run test test-all lint unit browser-deps clean weights

run: .venv/.run-stamp
	$(PY) -m nscweb run

# Lint and types run at the same time as the tests; the last line is that of pytest.
test: .venv/.test-stamp browser-deps
	@sh scripts/lint_and_tests.sh

# The same with every trial of the simulations of coverage and error rates; `make test` runs a fifth of them.
test-all: .venv/.test-stamp browser-deps
	@sh scripts/lint_and_tests.sh --full-rounds

lint: .venv/.test-stamp
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports

unit: .venv/.test-stamp
	$(PY) -m pytest $(TOGETHER)

# The commands that made the shipped weights stand in their cards; this repeats them.
WEIGHTS := NSCWEB_THREADS=1 OMP_NUM_THREADS=1 $(PY) -m nscweb train --simulated 150000 --seed 7
weights: .venv/.run-stamp
	rm -rf build/weights
	$(WEIGHTS) --architecture compact --epochs 7 --out build/weights/nsc-simulated-compact
	$(WEIGHTS) --architecture accurate --epochs 4 --out build/weights/nsc-simulated-accurate

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.run-stamp: requirements.txt pyproject.toml | .venv/bin/python
	$(PIP) install -q -r requirements.txt
	$(PIP) install -q --no-deps -e .
	# Both OpenCV wheels own the same folder. Where the one that needs a graphics library came last and there is
	# none on this machine, the one without it is laid over it.
	$(PY) -c "import cv2" 2>/dev/null || $(PIP) install -q --no-deps --force-reinstall $$(grep '^opencv-python-headless==' requirements.txt)
	touch $@

.venv/.test-stamp: requirements-dev.txt .venv/.run-stamp
	$(PIP) install -q -r requirements-dev.txt
	touch $@

# Browser tests drive Debian's Chromium. Where there is no apt or no right to use it they skip and say so.
browser-deps:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || sh scripts/install_chromium.sh

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
