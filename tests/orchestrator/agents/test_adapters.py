"""How each CLI is started: what a person would have typed, and what of theirs it gets."""

from pathlib import Path

import pytest

from orchestrator.agents import KINDS, adapter
from orchestrator.agents.adapter import Run

RUN = Run(worktree=Path("/w"), folder=Path("/s/worker"), new_session="11111111-2222-4333-8444-555555555555")
NAMED = Run(worktree=Path("/w"), folder=Path("/s/worker"), model="M", resume="S", attempt=3)
CODEX = "--json --dangerously-bypass-approvals-and-sandbox --disable unbounded_connection_retries"
CLAUDE = "-p --output-format stream-json --verbose --dangerously-skip-permissions"
COPILOT = "--allow-all --output-format json --no-auto-update --no-ask-user"
GEMINI = "-o stream-json --approval-mode yolo --skip-trust"
OPENCODE = "run --format json --auto --title opsroom"
QWEN = "-o stream-json --approval-mode yolo"

STARTS = {
    "claude": (CLAUDE, f"{CLAUDE} --model M --resume S"),
    "copilot": (
        f"{COPILOT} --session-id {RUN.new_session} --usage-output-file /s/worker/copilot-usage-1.json",
        f"{COPILOT} --model M --session-id S --usage-output-file /s/worker/copilot-usage-3.json",
    ),
    "gemini": (GEMINI, f"{GEMINI} -m M --resume S"),
    "opencode": (OPENCODE, f"{OPENCODE} -m M --session S"),
    "pi": ("-p --mode json", "-p --mode json --model M --session S"),
    "qwen": (QWEN, f"{QWEN} -m M --resume S"),
}


@pytest.mark.parametrize("kind", STARTS)
def test_a_fresh_start_and_one_that_goes_on(kind: str) -> None:
    arguments = adapter(kind).arguments
    assert (" ".join(arguments(RUN)), " ".join(arguments(NAMED))) == STARTS[kind]


def test_codex_is_told_that_the_prompt_comes_on_standard_input() -> None:
    fresh, on = adapter("codex").arguments(RUN), adapter("codex").arguments(NAMED)
    assert " ".join(fresh).startswith(f"exec {CODEX}")
    assert fresh[-3:] == ["-C", "/w", "-"]
    assert " ".join(on).startswith(f"exec resume {CODEX}")
    assert on[-2:] == ["S", "-"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_there_is_to_know_of_each_is_whole(kind: str) -> None:
    known = adapter(kind)
    assert (known.kind, known.program) == (kind, kind)
    assert known.version[0].isdigit()
    assert known.keys
    assert not set(known.keys) & set(known.variables)
    assert all(path.startswith("~/") for path in known.credentials)


@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_is_set_and_nothing_that_takes_a_person_offline(kind: str) -> None:
    for run in (RUN, NAMED):
        environment = adapter(kind).environment(run)
        assert not set(environment) & set(adapter(kind).keys)
        assert not [name for name in environment if "OFFLINE" in name or "MODELS_FETCH" in name]


def test_the_file_of_what_copilot_used_is_in_the_folder_that_it_may_write() -> None:
    where = adapter("copilot").usage_file
    assert where is not None
    assert where(RUN) == RUN.folder / "copilot-usage-1.json"
    assert str(where(RUN)) in adapter("copilot").arguments(RUN)
    assert [kind for kind in KINDS if adapter(kind).usage_file] == ["copilot"]


def test_qwen_sees_by_the_models_name_that_a_key_in_the_environment_is_meant() -> None:
    assert "OPENAI_MODEL" not in adapter("qwen").environment(RUN)
    assert adapter("qwen").environment(NAMED)["OPENAI_MODEL"] == "M"


def test_a_kind_that_nobody_knows() -> None:
    with pytest.raises(ValueError, match="no kind of agent: 'aider'"):
        adapter("aider")
