# make demo · make test · make faults · make generate · make check · make clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test faults generate check types lint clean

# A stamp, so that a second make installs nothing. pip reads dependency groups since 25.1.
$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[async,generate,redis,sandbox,streams,telemetry]' --group dev
	touch $@

demo: $(READY)
	$(BIN)/specie generate
	$(BIN)/specie demo

test: $(READY) check
	$(BIN)/pytest --quiet -n auto

# Every operation of every exchange into every fault of the sandbox, by both clients, as a table; two minutes or so.
faults: $(READY)
	PYTHONPATH=tests $(BIN)/python -m faults

# Everything that needs no test runner: specs, generated code, both type checkers, lint.
check: $(READY)
	$(BIN)/specie lint
	$(BIN)/specie generate --check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy generator generated
	$(BIN)/pyright --level error

generate: $(READY)
	$(BIN)/specie generate

clean:
	rm -rf $(VENV) .venv-others .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
