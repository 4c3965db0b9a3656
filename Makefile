# make demo and make test do all their own set-up.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3

.PHONY: help install demo test coverage lint docs overhead bench-quick clean
IMAGES ?= contrib/demo

help:
	@echo "make demo      degrade a photograph, restore it, look at demo/sheet.png"
	@echo "make test      run the tests"
	@echo "make install   make $(VENV) with DreamClean and the packages in plugins/"
	@echo "make coverage  the tests, and which lines they reach; fails below the floor in pyproject.toml"
	@echo "make lint      ruff, mypy and import-linter"
	@echo "make docs      generate the references in docs/"
	@echo "make overhead  time spent outside the prior"
	@echo "make bench-quick IMAGES=FOLDER  every method on every task, and a report"

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt $(wildcard plugins/*/pyproject.toml)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]' $(patsubst %/pyproject.toml,-e ./%,$(wildcard plugins/*/pyproject.toml))
	touch $@

demo: install
	$(BIN)/python contrib/demo/demo.py demo

test: install
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/pytest  # the tests' pictures are small: threads would only wait for each other

coverage: install
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/pytest --cov --cov-report=term:skip-covered

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: install
	$(BIN)/python docs/build_reference.py

overhead: install
	$(BIN)/python contrib/benchmarks/overhead.py

bench-quick: install
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e './plugins/dreamclean-bench[bm3d]'
	mkdir -p bench
	$(BIN)/dreamclean bench run quick --images $(IMAGES) --store bench/quick.sqlite
	$(BIN)/dreamclean bench report --store bench/quick.sqlite -o bench/quick --title "Quick" --command "make bench-quick IMAGES=$(IMAGES)"

clean:
	rm -rf $(VENV) demo bench
