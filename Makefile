# Every command a person needs. `make` alone lists them.

PYTHON ?= python3
BIN := .venv/bin

# Kernels run in book/, where a relative folder would mean another one.
ifdef VAELIB_DATA
override export VAELIB_DATA := $(if $(filter /%,$(VAELIB_DATA)),$(VAELIB_DATA),$(CURDIR)/$(VAELIB_DATA))
endif

.DEFAULT_GOAL := help
.PHONY: help book test run lab widgets assignments grade bench ledger mutate repository clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

book: .venv/ready  ## build the book into _build/html
	@$(MAKE) --no-print-directory html
	@echo
	@echo "The book is built. Open it in a browser:"
	@echo "    file://$(CURDIR)/_build/html/index.html"

# The old pages go first: a page that was renamed or removed must not linger.
.PHONY: html
html:
	@rm -rf _build
	$(BIN)/jupyter-book build . -W --keep-going -n --all --quiet

# Every step runs even when an earlier one failed, so one run tells all.
test: export VAELIB_IMAGES = digits
test: .venv/ready .venv/classroom  ## lint, build the book, run the unit tests and every chapter
	@failed=; \
	echo "== lint";  $(BIN)/ruff check . || failed="$$failed lint"; \
	echo "== book";  $(MAKE) --no-print-directory html || failed="$$failed book"; \
	echo "== tests"; $(BIN)/python -m pytest -n 2 --dist loadfile -q --durations=10 \
	    --no-loadscope-reorder --nbval-lax --nbval-current-env --nbval-cell-timeout=600 || failed="$$failed tests"; \
	if [ "$$failed" ]; then echo "FAILED:$$failed"; exit 1; fi; \
	echo "All passed: lint, book, tests."

run: .venv/ready  ## execute every chapter in place, or some: make run CHAPTER=05
	$(BIN)/python scripts/run.py $(CHAPTER)

lab: .venv/ready  ## open the chapters in JupyterLab
	$(BIN)/jupyter lab book

widgets: .venv/ready  ## train and export what the interactive parts of the pages load
	@for script in scripts/widgets/export_*.py; do $(BIN)/python $$script || exit 1; done

# Grading tools are not the book's: they come on top, and change no version of what is there.
assignments: .venv/classroom  ## write student notebooks, autograders and keys, or one: make assignments ASSIGNMENT=02
	$(BIN)/python scripts/assignments.py $(ASSIGNMENT)

grade: .venv/classroom  ## grade a folder of notebooks: make grade SUBMISSIONS=folder
	$(BIN)/python scripts/grade.py "$(SUBMISSIONS)" $(ASSIGNMENT)

# About half an hour. The others are named by PART: density (twenty minutes for each seed of its quick
# recipe, half a day for all recipes), correction, detection, imputation, wine, kills. Each script says at its
# head what it measures.
PART ?= training step scoring scaling
bench: .venv/ready .venv/peers/ready  ## measure speed and quality beside the alternatives: make bench PART=scaling
	@for part in $(PART); do echo "== $$part"; $(BIN)/python benchmarks/$$part.py || exit 1; done
	$(BIN)/python scripts/run.py benchmarks

# Two hours or so: five runs of every chapter, on each of two data sets. What is there is not run again.
ledger: .venv/ready  ## write what numbers each chapter should get, with their spread: make ledger ARGS="05 --again"
	$(BIN)/python scripts/ledger.py --jobs 2 $(ARGS)

mutate: .venv/ready  ## break vaelib on purpose, line by line: a test fails each time
	$(BIN)/python benchmarks/mutate.py

repository: .venv/ready  ## point every link at your fork: make repository URL=https://github.com/...
	$(BIN)/python scripts/repository.py "$(URL)"

clean:  ## remove everything that make made
	rm -rf _build assignments/_build .venv .pytest_cache .ruff_cache vaelib.egg-info

# uv where there is one, because it is faster; pip does the same.
.venv/ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; \
	    (3, 11) <= v < (3, 14) or sys.exit("This is Python %d.%d; the book needs 3.11, 3.12 or 3.13. " \
	    "Install one and name it, as in: make book PYTHON=python3.12" % v[:2])'
	@echo "Setting up .venv (a few minutes the first time)"
	@if uv --version >/dev/null 2>&1; then \
	    uv venv --quiet --allow-existing --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv && \
	    export VIRTUAL_ENV=$(CURDIR)/.venv && \
	    uv pip install --quiet -r requirements.txt && \
	    uv pip install --quiet --no-deps -e .; \
	else \
	    $(PYTHON) -m venv .venv && \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt && \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .; \
	fi
	@touch $@

.venv/classroom: .venv/ready assignments/requirements.txt
	@if uv --version >/dev/null 2>&1; then \
	    VIRTUAL_ENV=$(CURDIR)/.venv uv pip install --quiet --no-deps -r assignments/requirements.txt; \
	else \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r assignments/requirements.txt; \
	fi
	@touch $@

# PyTorch has other wishes than TensorFlow: an environment of its own.
.venv/peers/ready: .venv/ready benchmarks/requirements.txt
	@echo "Setting up .venv/peers"
	@if uv --version >/dev/null 2>&1; then \
	    uv venv --quiet --allow-existing --python .venv/bin/python .venv/peers && \
	    VIRTUAL_ENV=$(CURDIR)/.venv/peers uv pip install --quiet -r benchmarks/requirements.txt; \
	else \
	    $(BIN)/python -m venv .venv/peers && \
	    .venv/peers/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt; \
	fi
	@touch $@
