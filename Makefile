# `make demo` and `make test` set up what they need; each is quick the second time.
PYTHON ?= python3
BIN := .venv/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check

# Hundreds of test processes import the same modules: compiled once, wherever that was switched off.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup shell test test-exhaustive test-soak test-network demo sandbox lint bench lock clean

setup: .venv/ready

# uv, pinned and hashed like all else, installs the rest about ten times as fast as pip, which is
# what is left if uv cannot be had for this machine.
.venv/ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	@echo "setup: a virtual environment in .venv, by $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv
	@echo "setup: uv, which installs the rest"
	@awk '/^[a-z]/ { wanted = /^uv==/ } wanted' requirements.txt > .venv/uv.txt
	@$(PIP) --require-hashes --requirement .venv/uv.txt || echo "setup: no uv for this machine"
	@echo "setup: $$(grep -c == requirements.txt) pinned packages, each held to its hash"
	@if [ -x $(BIN)/uv ]; then \
		$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements.txt; \
	else \
		echo "setup: by pip, which takes some minutes"; \
		$(PIP) --no-compile --require-hashes --requirement requirements.txt; \
	fi
	@printf '#!/bin/sh\nPYTHONPATH="%s" exec "%s/.venv/bin/python" -P -m ops "$$@"\n' "$(CURDIR)" "$(CURDIR)" > $(BIN)/ops
	@chmod +x $(BIN)/ops
	@touch $@
	@echo "setup: done; $(BIN)/ops --help"

# A shell whose PATH begins with the environment's programs: `ops`, `python`, `ruff`.
shell: setup
	@mkdir -p build
	@printf '%s\n' '[ ! -f ~/.bashrc ] || . ~/.bashrc' \
		'export VIRTUAL_ENV="$(CURDIR)/.venv" PATH="$(CURDIR)/$(BIN):$$PATH"' \
		'PS1="(bulwark) $$PS1"' > build/shell.bash
	@echo "shell: .venv/bin is first on the PATH; leave with exit"
	@exec bash --rcfile build/shell.bash -i

test: setup
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

# What `make test` leaves out: about 15 minutes on two cores.
test-exhaustive: setup
	$(BIN)/python -m pytest -n auto --dist worksteal -m exhaustive

# Every procedure killed at every point and refused at every call, every setting changed on every
# stack, of which the other two have samples: hours. Run once a week (.github/workflows/soak.yml).
test-soak: setup
	$(BIN)/python -m pytest -n auto --dist worksteal -m soak

# Compares pinned copies with what AWS publishes today; needs the network.
test-network: setup
	$(BIN)/python -m pytest -m network

demo: setup
	$(BIN)/python -m sandbox.demo

sandbox: setup
	$(BIN)/python -m sandbox.serve

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: setup
	$(BIN)/python -m bench

# Pins every dependency with its hashes, without an index address; needs `uv`.
lock:
	uv pip compile pyproject.toml --extra dev --extra app --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate --quiet -o requirements.txt
	uv pip compile app/requirements.in --constraint requirements.txt --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -o app/requirements.txt

clean:
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .hypothesis
