# Every target makes the environment first if it is missing.
# Another Python has its own folder: make test PYTHON=python3.13 VENV=.venv-3.13
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
ENV := $(VENV)/.installed
LEDGER := $(CURDIR)/.trust.jsonl

.DEFAULT_GOAL := help
.PHONY: help install lock format lint test trust mutation audit demo study selection pages walkthrough bench test-gpu bench-gpu build clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(ENV)  ## make .venv with the pinned versions

$(ENV): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(ENV)

lock:  ## pin the newest versions that pyproject.toml allows (needs uv)
	uv pip compile pyproject.toml --group dev --constraint constraints.in --universal \
		--python-version 3.11 --generate-hashes --no-header --quiet --upgrade -o requirements.lock

demo: $(ENV)  ## synthetic rainforest, training, true scores and baselines (minutes)
	$(BIN)/python -m rfcx_audio.train experiment=best scale=laptop

STUDIES := deck beyond best forest_2 forest_3 holds encoders real_sound

study: $(ENV)  ## compare all techniques: several seeds, complete truth (a night)
	for study in $(STUDIES); do $(BIN)/python -m studies study=$$study || exit; done
	$(BIN)/python -m studies.review

selection: $(ENV)  ## compare measures for choosing a model, over the runs of the study (an hour)
	$(BIN)/python -m studies study=epochs docs=runs/epochs
	$(BIN)/python -m studies.selection

pages: $(ENV)  ## write the pages of all from their tables in docs/ (a minute, no training)
	for study in $(STUDIES); do $(BIN)/python -m studies study=$$study stage=page || exit; done
	$(BIN)/python -m studies.selection stage=page
	$(BIN)/python -m studies.review stage=page

walkthrough: $(ENV)  ## run the commands of docs/walkthrough.md (half an hour)
	sed -n '/^```bash$$/,/^```$$/{/^```/!p}' docs/walkthrough.md \
		| PATH="$(abspath $(BIN)):$$PATH" bash -eu -o pipefail

bench: $(ENV)  ## speed and memory on this CPU, compared with peers and limits (half an hour, all cores)
	CUDA_VISIBLE_DEVICES= $(BIN)/python -m benchmarks

# These two need no .venv: a borrowed machine with a GPU has its own packages.
test-gpu:  ## every technique on this GPU, two steps each, and the tests marked gpu (six minutes)
	bash benchmarks/gpu.sh test $(ARGS)

bench-gpu:  ## training, prediction and spectrograms on this GPU, compared with limits (six minutes)
	bash benchmarks/gpu.sh bench $(ARGS)

lint: $(ENV)  ## ruff (format, rules), the type checker, and plain words
	$(BIN)/ruff format --check src tests benchmarks studies
	$(BIN)/ruff check src tests benchmarks studies
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/python tests/plain_words.py

format: $(ENV)  ## format the code, and apply ruff's fixes
	$(BIN)/ruff format src tests benchmarks studies
	$(BIN)/ruff check --fix src tests benchmarks studies

test: $(ENV)  ## all tests, one process and one thread a core
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

trust: $(ENV)  ## faults, bad and hostile input, thousands of cases; docs/reliability.md (half an hour)
	rm -f $(LEDGER)
	TRUST_LEDGER=$(LEDGER) $(BIN)/python -m pytest tests/trust; failed=$$?; \
		$(BIN)/python tests/trust/report.py $(LEDGER) docs/reliability.md && exit $$failed

mutation: $(ENV)  ## mutants of the code, which the tests must find; docs/mutation.md (half an hour)
	rm -rf mutants
	OMP_NUM_THREADS=1 $(BIN)/python -m mutmut run --max-children 1
	$(BIN)/python tests/trust/mutation.py mutants/src docs

audit: $(ENV)  ## known vulnerabilities of the pinned dependencies (needs their database)
	$(BIN)/python tests/trust/audit.py requirements.lock

build: $(ENV)  ## sdist and wheel in dist/
	$(BIN)/python -m build --no-isolation

clean:  ## remove the environment and the files of runs and tests; keeps the data cache
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis dist runs mutants $(LEDGER)
