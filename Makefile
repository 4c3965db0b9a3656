# make demo and make test do all their own set-up.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3

# Gradio, which the app is made of, brings sixty packages: they are installed for the app's own tests alone.
APP := plugins/dreamclean-app
APP_VENV := .venv-app
# So is Ray, which is large, with pyarrow and pandas.
RAY := plugins/dreamclean-ray
RAY_VENV := .venv-ray
# And deepinv, which brings torchvision.
DEEPINV := plugins/dreamclean-deepinv
DEEPINV_VENV := .venv-deepinv
# The oldest versions that are promised; dreamclean-latent asks for newer ones of diffusers.
LOWEST := $(addprefix plugins/dreamclean-,starter adm bench)
LOWEST_VENV := .venv-lowest
LOWEST_TESTS := tests $(LOWEST)
PLUGINS := $(filter-out $(APP) $(RAY) $(DEEPINV),$(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml)))

.PHONY: help install demo app test test-app test-site test-ray test-deepinv test-lowest coverage lint reference docs dist overhead bench-quick paper clean
IMAGES ?= contrib/demo

help:
	@echo "make demo      degrade a photograph, restore it, look at demo/sheet.png"
	@echo "make app       serve the page at http://127.0.0.1:7860"
	@echo "make test      run the tests"
	@echo "make test-app  run the app's tests, in a browser: needs Chromium"
	@echo "make test-site  build the site, and open every page on a phone's screen: needs Chromium"
	@echo "make test-lowest  the tests with the oldest versions that pyproject.toml promises"
	@echo "make test-ray  run the tests of dreamclean-ray, on a cluster of this machine"
	@echo "make test-deepinv  run the tests of dreamclean-deepinv, beside deepinv itself"
	@echo "make install   make $(VENV) with DreamClean and the packages in plugins/"
	@echo "make coverage  the tests, and which lines they reach; fails below the floor in pyproject.toml"
	@echo "make lint      ruff, mypy and import-linter"
	@echo "make docs      build the documentation site in site/, with its gallery"
	@echo "make reference generate the references in docs/, from the code"
	@echo "make dist      build every package into dist/, check it, and use it without the repository"
	@echo "make overhead  time spent outside the prior"
	@echo "make bench-quick IMAGES=FOLDER  every method on every task, and a report"
	@echo "make paper IMAGES='celeba=FOLDER ...' PRIOR='celeba=PRIOR ...'  the paper's tables and figures, on your pictures"

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt $(wildcard plugins/*/pyproject.toml)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]' $(PLUGINS:%=-e ./%)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e ./$(APP) -e ./$(RAY) -e ./$(DEEPINV)
	touch $@

$(APP_VENV)/.installed: pyproject.toml constraints.txt $(wildcard plugins/*/pyproject.toml)
	$(PYTHON) -m venv $(APP_VENV)
	$(APP_VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e . -e ./plugins/dreamclean-starter -e './$(APP)[testing]'
	touch $@

$(RAY_VENV)/.installed: pyproject.toml constraints.txt $(wildcard plugins/*/pyproject.toml)
	$(PYTHON) -m venv $(RAY_VENV)
	$(RAY_VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e . -e './$(RAY)[testing]'
	touch $@

$(LOWEST_VENV)/.installed: pyproject.toml constraints-lowest.txt $(wildcard plugins/*/pyproject.toml)
	$(PYTHON) -m venv $(LOWEST_VENV)
	$(LOWEST_VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints-lowest.txt hatchling hatch-fancy-pypi-readme editables -e '.[testing,onnx]' $(LOWEST:%=-e ./%)
	$(LOWEST_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps $(addprefix -e ./,$(APP) $(RAY) $(DEEPINV))
	touch $@

$(DEEPINV_VENV)/.installed: pyproject.toml constraints.txt $(wildcard plugins/*/pyproject.toml)
	$(PYTHON) -m venv $(DEEPINV_VENV)
	$(DEEPINV_VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e . -e ./plugins/dreamclean-starter -e ./plugins/dreamclean-bench -e './$(DEEPINV)[testing]'
	touch $@

app: $(APP_VENV)/.installed
	$(APP_VENV)/bin/dreamclean app

demo: install
	$(BIN)/python contrib/demo/demo.py demo

test: install
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/pytest  # the tests' pictures are small: threads would only wait for each other

test-app: $(APP_VENV)/.installed
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(APP_VENV)/bin/pytest $(APP)

test-site: docs $(APP_VENV)/.installed
	$(APP_VENV)/bin/pytest tests/test_site_browser.py

test-ray: $(RAY_VENV)/.installed
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(RAY_VENV)/bin/pytest $(RAY)

test-lowest: $(LOWEST_VENV)/.installed
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(LOWEST_VENV)/bin/pytest $(LOWEST_TESTS)

test-deepinv: $(DEEPINV_VENV)/.installed
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(DEEPINV_VENV)/bin/pytest $(DEEPINV)

coverage: install
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/pytest --cov --cov-report=term:skip-covered

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

reference: install
	$(BIN)/python docs/build_reference.py

docs: reference
	rm -rf site docs/generated
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -c docs . site
	@echo "the site is in site/: open site/index.html"

dist: install
	$(BIN)/pip install --quiet --disable-pip-version-check --no-warn-conflicts -e '.[release]'
	.ci/dist

overhead: install
	$(BIN)/python contrib/benchmarks/overhead.py

bench-quick: install
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e './plugins/dreamclean-bench[bm3d]'
	mkdir -p bench
	$(BIN)/dreamclean bench run quick --images $(IMAGES) --store bench/quick.sqlite
	$(BIN)/dreamclean bench report --store bench/quick.sqlite -o bench/quick --title "Quick" --command "make bench-quick IMAGES=$(IMAGES)"

paper: install
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e './plugins/dreamclean-bench[bm3d]'
	$(BIN)/dreamclean bench paper $(foreach set,$(IMAGES),--images $(set)) $(foreach set,$(PRIOR),--prior $(set)) -o bench/paper

clean:
	rm -rf $(VENV) $(APP_VENV) $(RAY_VENV) $(DEEPINV_VENV) $(LOWEST_VENV) demo bench site docs/generated dist
