"""What holds for `schedule.decide` whatever the snapshot is."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.schedule import Answer, End, Facts, Land, Launch, Limits, Move, PutAway, decide
from state.model import CHECKING, FINAL, LIVE, STATES
from tests.orchestrator.snapshots import NOW, answer, ended, question, result, view

TIMES = st.sampled_from([None, NOW - timedelta(seconds=1), NOW, NOW + timedelta(seconds=1)])
QUESTIONS = st.builds(
    lambda deadline, blocking: question(default="yes" if deadline else "", deadline=deadline, blocking=blocking),
    TIMES,
    st.booleans(),
)
EXITS = st.builds(
    ended,
    st.sampled_from(["exited", "timeout", "cancelled", "exec_failed", "status_lost"]),
    st.sampled_from([None, 0, 1, -9]),
)


@st.composite
def snapshots(draw: st.DrawFn) -> list[Facts]:
    found = []
    for number in range(draw(st.integers(0, 7))):
        task = view(
            draw(st.sampled_from([*sorted(STATES), "dreaming"])),
            task=f"{number:04d}",
            not_before=draw(TIMES),
            failures=draw(st.integers(0, 4)),
            outbox=tuple(draw(st.lists(QUESTIONS, max_size=1))),
            inbox=tuple(draw(st.lists(st.builds(answer), max_size=1))),
            acknowledged=draw(st.sampled_from([frozenset(), frozenset({"a.md"})])),
            exit=draw(st.none() | EXITS),
            result=draw(st.none() | st.builds(result, st.sampled_from(["success", "failure"]))),
            attempts=draw(st.sampled_from([(), (1,)])),
        )
        if task.task is not None:
            task.task.base = draw(st.sampled_from(["main", "campaign/x"]))
        found.append(Facts(task, draw(st.booleans()), draw(st.booleans()), Limits(), draw(st.booleans())))
    return found


SLOTS = st.integers(1, 4)
relaxed = settings(max_examples=120)


@relaxed
@given(snapshots(), SLOTS)
def test_there_are_never_more_attempts_than_slots(tasks: list[Facts], slots: int) -> None:
    running = sum(facts.alive or (facts.busy and facts.view.state in LIVE) for facts in tasks)
    launched = sum(isinstance(decision, Launch) for decision in decide(tasks, NOW, slots))
    assert launched <= max(0, slots - running)


@relaxed
@given(snapshots(), SLOTS)
def test_a_task_gets_at_most_one_decision_and_none_while_it_is_acted_on(tasks: list[Facts], slots: int) -> None:
    decided = [decision.task for decision in decide(tasks, NOW, slots)]
    assert len(decided) == len(set(decided))
    assert not {facts.view.id for facts in tasks if facts.busy} & set(decided)


@relaxed
@given(snapshots(), SLOTS)
def test_one_change_lands_at_a_time_on_each_base(tasks: list[Facts], slots: int) -> None:
    landing = {
        facts.view.task.base for facts in tasks if facts.busy and facts.view.state in CHECKING and facts.view.task
    }
    new = [decision.base for decision in decide(tasks, NOW, slots) if isinstance(decision, Land)]
    assert len(new) == len(set(new))
    assert not set(new) & landing


@relaxed
@given(snapshots(), SLOTS)
def test_a_final_task_is_only_ended_or_put_away(tasks: list[Facts], slots: int) -> None:
    final = {facts.view.id for facts in tasks if facts.view.state in FINAL}
    for decision in decide(tasks, NOW, slots):
        assert decision.task not in final or isinstance(decision, End | PutAway)


@relaxed
@given(snapshots(), SLOTS)
def test_a_task_with_an_open_question_that_only_a_person_can_answer_is_never_launched(
    tasks: list[Facts], slots: int
) -> None:
    asked = {f.view.id for f in tasks if any(q.blocking and not q.deadline for q in f.view.questions)}
    assert not asked & {decision.task for decision in decide(tasks, NOW, slots) if isinstance(decision, Launch)}


@relaxed
@given(snapshots(), SLOTS)
def test_nothing_is_launched_or_landed_while_its_attempt_lives_or_before_its_time(
    tasks: list[Facts], slots: int
) -> None:
    by_id = {facts.view.id: facts for facts in tasks}
    for decision in decide(tasks, NOW, slots):
        if isinstance(decision, Launch | Land):
            facts = by_id[decision.task]
            assert not facts.alive
            assert facts.view.status is not None
            assert facts.view.status.not_before is None or facts.view.status.not_before <= NOW


@relaxed
@given(snapshots(), SLOTS)
def test_a_default_counts_only_after_its_deadline(tasks: list[Facts], slots: int) -> None:
    for decision in decide(tasks, NOW, slots):
        if isinstance(decision, Answer):
            assert decision.question.default
            assert decision.question.deadline is not None
            assert decision.question.deadline <= NOW


@relaxed
@given(snapshots(), SLOTS)
def test_a_failure_is_followed_by_a_wait_or_the_end(tasks: list[Facts], slots: int) -> None:
    for decision in decide(tasks, NOW, slots):
        if isinstance(decision, Move) and decision.to == "retrying":
            assert decision.not_before is not None
            assert decision.not_before > NOW
            assert decision.why
