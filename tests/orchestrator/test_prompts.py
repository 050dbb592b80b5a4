"""What stands in a prompt, in which order, and that it is bounded."""

from orchestrator import prompts
from state.messages import Message
from tests.orchestrator.snapshots import NOW, answer, question


def build(**parts: object) -> str:
    given = {"spec": "Do it.", "campaign": "", "checkpoint": "", "answers": [], "unread": [], "earlier": ""} | parts
    return prompts.build(**given)  # type: ignore[arg-type]


def message(body: str, by: str = "human") -> Message:
    return Message(kind="message", at=NOW, by=by, body=body)


def test_a_first_prompt_is_the_spec_and_the_verbs() -> None:
    assert build() == f"Do it.\n\n{prompts.VERBS}"


def test_every_part_has_its_place() -> None:
    text = build(
        campaign="For all.",
        checkpoint="Half way.\n",
        answers=[(question(), answer())],
        unread=[message("Mind\nthe gap."), message("Hello.", by="")],
        earlier="it crashed",
    )
    after = text.removeprefix(f"Do it.\n\nFor all.\n\n{prompts.VERBS}")
    assert after == (
        "\n## The attempt before this one\nit crashed\n"
        "\n## Your last checkpoint\nHalf way.\n"
        "\n## Answers\nQ: Which?\nA: this\n"
        "\n## Messages\n- human: Mind the gap.\n- somebody: Hello.\n"
    )


def test_what_is_too_long_is_cut_and_says_where_the_whole_is() -> None:
    text = build(spec="x" * 100_000, checkpoint="y" * 100_000, unread=[message("z" * 100_000)])
    assert len(text) < 4 * prompts.PART
    assert "… cut here; the whole is in $OPSROOM_TASK_DIR/spec.md" in text
    assert "… cut here; the whole is in $OPSROOM_TASK_DIR/worker/checkpoint.md" in text


def test_of_many_messages_the_first_that_fit_are_told() -> None:
    unread = [message(f"{number} " + "x" * 4000) for number in range(10)]
    assert prompts.fitting(unread) == unread[:3]
    assert prompts.fitting([message("x" * 100_000)]) != []
    assert prompts.fitting([]) == []


def test_of_many_answers_the_newest_that_fit_are_told() -> None:
    bodies = [f"{number} " + "x" * 4000 for number in range(10)]
    pairs = [(question(), Message(kind="answer", at=NOW, body=body)) for body in bodies]
    text = build(answers=pairs)
    assert len(text) < 2 * prompts.PART
    assert "A: 9 x" in text
    assert "A: 6 x" not in text
    assert text.index("… 7 older ones are in") < text.index("A: 7 x") < text.index("A: 9 x")


def test_whoever_goes_on_with_a_session_is_not_told_the_spec_again() -> None:
    text = build(spec=prompts.GO_ON, answers=[(question(), answer())])
    assert text.startswith("Go on with the task where you left off")
    assert "A: this" in text


def test_the_verbs_are_taught_in_under_300_words() -> None:
    assert len(prompts.VERBS.split()) < 300
    for verb in ("checkpoint", "ask", "note", "capture", "lock", "stop", "result"):
        assert f"`opsroom {verb}" in prompts.VERBS
