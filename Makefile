# Everything a person does with a checkout. Each target sets itself up, once.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
# half as many again as cores: most tests wait for processes that they have started
WORKERS ?= $(shell $(PYTHON) -c 'import os; cores = len(os.sched_getaffinity(0)); print(cores + (cores + 1) // 2)')

.PHONY: demo test test-agents chaos crashes check format snapshots screen clean

demo: $(READY)  ## the control room on a real campaign that is really running
	@$(VENV)/bin/opsroom demo $(DEMO)

test: $(READY)  ## every test there is, but those of real agents
	@$(VENV)/bin/pytest -n $(WORKERS) $(TESTS)

test-agents: $(READY)  ## real codex, claude, … from npm, against a scripted model; AGENTS='codex claude' for some of them
	@$(VENV)/bin/python -m tests.agents.install $(AGENTS)
	@AGENTS='$(AGENTS)' $(VENV)/bin/python -m tests.agents.loopback \
		$(VENV)/bin/pytest -n auto --junitxml .pytest_cache/agents.xml $(or $(TESTS),tests/agents/test_real_*.py)

chaos: $(READY)  ## kill everybody at random for minutes; CHAOS_ROUNDS, CHAOS_TASKS, CHAOS_SEED
	@CHAOS_ROUNDS=$(or $(CHAOS_ROUNDS),200) CHAOS_TASKS=$(or $(CHAOS_TASKS),100) CHAOS_SEED=$(CHAOS_SEED) \
		$(VENV)/bin/pytest -s tests/faults/test_chaos.py

crashes: $(READY)  ## kill an orchestrator before each of the changes it makes in a campaign, one after the other
	@CRASH_STEP=1 $(VENV)/bin/pytest -n auto tests/faults/test_crash_points.py

check: $(READY)  ## lint, format, types, import contracts
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

format: $(READY)
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

snapshots: $(READY)  ## accept the screens as they are drawn now
	@$(VENV)/bin/pytest tests/tui/test_snapshots.py --snapshot-update

screen: $(READY)  ## draw docs/screen.svg from the real app
	@$(VENV)/bin/python scripts/draw_screen.py docs/screen.svg

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "opsroom needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 2; }
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV) || { echo "python3 cannot make a venv here; on Debian: apt-get install python3-venv" >&2; exit 2; }
	@echo "setting up $(VENV), once"
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
