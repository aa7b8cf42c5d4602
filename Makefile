# Two commands are all a newcomer needs: `make demo` and `make test`. Each makes what it lacks.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint requirements.lock
WORKERS ?= 2
AZURITE := 3.37.0

.PHONY: demo demo-vision demo-synthesis demo-human dev test retest hostile read-back azurite check format docs licences docs-site bench bench-table bench-guard clean lock kernels wheel matrix floors platforms sizes dg-project image-check model-server-check

demo: $(VENV)/.stamp-base
	$(BIN)/dj-assets demo
	@echo "Open the UI: $(BIN)/dj-assets dev   then http://127.0.0.1:3000"

# Images and clips; the models of the demo are small ones with random weights.
demo-vision: $(VENV)/.stamp-vision
	$(BIN)/dj-assets demo --vision
	@echo "Open the UI: $(BIN)/dj-assets dev   then http://127.0.0.1:3000"

# Img-Diff: captions, pairs of images, boxes, regions and differences, by tiny models with random weights, which are made
# at the first run. Texts and pictures mean nothing.
demo-synthesis: $(VENV)/.stamp-synth
	$(BIN)/dj-assets demo --synthesis
	@echo "The models are tiny and random. Open the UI: $(BIN)/dj-assets dev   then http://127.0.0.1:3000"

# HumanVBench on drawn clips; faces and tracks are real, other models are tiny ones with random weights.
demo-human: $(VENV)/.stamp-human
	$(BIN)/dj-assets demo --human
	@echo "The models are tiny and random. Open the UI: $(BIN)/dj-assets dev   then http://127.0.0.1:3000"

dev: $(VENV)/.stamp-base
	$(BIN)/dj-assets dev

test: $(VENV)/.stamp-dev
	$(BIN)/pytest -n $(WORKERS) || { test $$? -eq 1 && test -n "$(RETEST)" && $(MAKE) retest; }

# The tests that failed in the last run once more, one at a time: what passes now depends on the machine, and is named.
# make test RETEST=1 does so by itself, unless the run broke off.
retest: $(VENV)/.stamp-dev
	$(BIN)/pytest --last-failed --last-failed-no-failures none -rA

# The long attacks, about 20 minutes: texts against every operator, kills at 100 moments, full disks, hostile files. The
# figures go into the table of docs/security.md. More of them: make hostile HOSTILE="--kills 100 --texts 9"
hostile: $(VENV)/.stamp-dev
	$(BIN)/python -m tests.hostile.table --write $(HOSTILE)
	TEST_ALL_WAYS=1 $(BIN)/pytest tests/cli/test_damaged_files.py

# Exports for training, read back by Megatron-LM, MosaicML's Streaming and datasets, in an environment of their own.
read-back: $(VENV)/.stamp-dev
	test -x build/read-back/bin/python || $(PYTHON) -m venv build/read-back
	build/read-back/bin/pip install --quiet --disable-pip-version-check numpy torch datasets mosaicml-streaming
	build/read-back/bin/pip install --quiet --disable-pip-version-check --no-deps megatron-core
	rm -rf build/read-back/exports && mkdir build/read-back/exports
	$(BIN)/python -m tests.publish.export.read_back write build/read-back/exports
	build/read-back/bin/python -W ignore -m tests.publish.export.read_back read build/read-back/exports

# Azure's blob service on loopback, for the tests of az://; they are skipped where it is not there.
azurite: $(VENV)/azurite/node_modules/azurite

$(VENV)/azurite/node_modules/azurite:
	npm install --loglevel=error --no-audit --no-fund --prefix $(VENV)/azurite azurite@$(AZURITE)

check: $(VENV)/.stamp-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.stamp-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# The pages that are made from the code and the recipes; tests fail when they are stale.
docs: $(VENV)/.stamp-base
	$(BIN)/python -m dj_assets.reference.operator_docs
	$(BIN)/python -m dj_assets.reference.gallery_docs
	$(BIN)/python -m dj_assets.reference.configuration_docs

# The licences of installed packages and shipped files: in an environment with all extras.
licences: $(VENV)/.stamp-dev
	$(BIN)/python -m dj_assets.reference.third_party

# The pages of docs/ as a site in site/; a link that leads nowhere is an error. Nothing is fetched from the network.
docs-site: $(VENV)/.stamp-dev
	NO_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --strict

# Data-Juicer is measured beside where it has a torch: make bench BENCH="--torch torch==2.14.1"
bench: $(VENV)/.stamp-base
	$(BIN)/python -m benchmarks.text_recipes $(BENCH)

# All comparisons in one table, in turns: hours. make bench-table TABLE="--quick --torch torch==2.14.1" takes minutes.
bench-table: $(VENV)/.stamp-vision
	$(BIN)/python -m benchmarks.table $(TABLE)

# Compiled kernels after a change of a kernel; without them, every user compiles once what a recipe needs.
kernels: $(VENV)/.stamp-base
	$(BIN)/python -m dj_assets.reference.compiled_kernels

# The wheel, with compiled kernels for this Python. Those of more versions: make wheel PYTHONS="python3.12 python3.13"
wheel: kernels
	for python in $(PYTHONS); do \
	  $$python -m venv build/$$python && \
	  build/$$python/bin/pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable . && \
	  build/$$python/bin/python -m dj_assets.reference.compiled_kernels || exit 1; done
	$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

# The wheel under each Python that is found: a demo, a recipe and a part of the tests. Environments are kept in
# build/matrix, so the first call takes minutes.
matrix: kernels
	$(BIN)/python -m tests.e2e.matrix $(if $(PYTHONS),--pythons $(PYTHONS))

# The lowest versions that pyproject.toml allows, and packages that must resolve with ours.
floors: kernels
	$(BIN)/python -m tests.e2e.floors

# Whether all packages have wheels for the systems of docs/systems.md; nothing is installed.
platforms: $(VENV)/.stamp-dev
	$(BIN)/python -m tests.e2e.platforms

# Megabytes of the plain installation and of each extra, into docs/systems.md: in an environment with all extras.
sizes: $(VENV)/.stamp-dev
	$(BIN)/python -m tests.e2e.sizes --write

# A project of dg with the component: checked, materialized on the multiprocess executor, and seen in the browser.
dg-project: kernels
	$(BIN)/python -m tests.e2e.dg_project

# The steps of docs/deploy/Dockerfile without Docker, in an empty environment, then used by a user without rights: as root.
image-check: kernels
	$(BIN)/python -m tests.e2e.image

# A real server of language models, killed and started again: pip install 'transformers[serving]' accelerate.
model-server-check: kernels
	$(BIN)/python -m tests.e2e.transformers_server

# Counters of a small run, which are the same on every machine, against those in benchmarks/results/guard.json.
bench-guard: $(VENV)/.stamp-dev
	$(BIN)/python -m benchmarks.guard

# The lock: every version of an environment in which the whole test suite passed. What a CUDA build of PyTorch brings
# along stays out: it names its exact versions itself, and a CPU build has no use for it.
lock: $(VENV)/.stamp-dev
	$(BIN)/pip freeze --exclude-editable | grep -vE '^(nvidia-|cuda-|triton==)' > requirements.lock

clean:
	rm -rf $(VENV) data_home site .pytest_cache .mypy_cache .ruff_cache build dist *.egg-info

$(VENV)/.stamp-base: pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	$(BIN)/python -m dj_assets.reference.compiled_kernels
	touch $@

$(VENV)/.stamp-vision: $(VENV)/.stamp-base
	$(PIP) --editable '.[vision]'
	touch $@

$(VENV)/.stamp-synth: $(VENV)/.stamp-base
	$(PIP) --editable '.[synth,vision]'
	touch $@

$(VENV)/.stamp-human: $(VENV)/.stamp-base
	$(PIP) --editable '.[human,vision]'
	touch $@

$(VENV)/.stamp-dev: $(VENV)/.stamp-base
	$(PIP) --editable '.[dev]'
	touch $@
