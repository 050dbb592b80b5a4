from datetime import timedelta
from pathlib import Path

from state.model import Outcome
from tests.tui.builder import NOW
from tui.acts import KEPT, Acts, act_line
from tui.text import plain

DONE = Path("/s/inbox/done")
ACCEPTED = Outcome(outcome="accepted", at=NOW, by="o")


def test_an_act_is_sent_then_taken() -> None:
    acts = Acts()
    act = acts.begin("pause a", NOW, DONE)
    assert plain(act_line(act)) == " … pause a  sending"
    acts.sent(act.number, "n-pause.toml")
    assert acts.named(frozenset({"inbox/done/n-pause.outcome.toml"}), Path("/s")) == [acts.shown]
    assert plain(act_line(acts.settle(act.number, ACCEPTED))) == " ✓ pause a  taken"
    assert acts.named(frozenset({"inbox/done/n-pause.outcome.toml"}), Path("/s")) == []


def test_what_was_heard_of_last_is_shown() -> None:
    acts = Acts()
    first, second = acts.begin("pause a", NOW, DONE), acts.begin("pause b", NOW, DONE)
    acts.sent(first.number, "1.toml")
    acts.sent(second.number, "2.toml")
    acts.settle(first.number, Outcome(outcome="refused", at=NOW, by="o", why="a is merged"))
    assert acts.shown is not None
    assert plain(act_line(acts.shown)) == " ✗ pause a  refused: a is merged"


def test_a_long_label_gives_way_to_what_became_of_it() -> None:
    acts = Acts()
    act = acts.begin("campaign defer strict 8: “" + "why " * 20 + "”", NOW, DONE)
    assert plain(act_line(act, 60)).endswith("…  sending")
    acts.settle(act.number, Outcome(outcome="refused", at=NOW, by="o", why="item 8 is running: stop its task first"))
    assert acts.shown is not None
    shown = plain(act_line(acts.shown, 80))
    assert shown.startswith(" ✗ campaign defer strict 8")
    assert "…  refused: item 8 is running: stop its task first"[:40] in shown
    assert len(shown) <= 80


def test_nobody_takes_it_without_an_orchestrator() -> None:
    acts = Acts()
    act = acts.begin("pause a", NOW, DONE)
    acts.sent(act.number, "1.toml")
    assert not acts.tick(NOW + timedelta(seconds=9), alive=False)
    assert not acts.tick(NOW + timedelta(seconds=60), alive=True)
    assert acts.tick(NOW + timedelta(seconds=60), alive=False)
    assert acts.shown is not None and acts.shown.fate == "waits"
    assert acts.tick(NOW + timedelta(seconds=61), alive=True)
    assert acts.shown.fate == "sent"


def test_an_outcome_that_is_no_word_of_the_protocol_is_a_refusal() -> None:
    acts = Acts()
    act = acts.begin("pause a", NOW, DONE)
    acts.sent(act.number, "1.toml")
    assert acts.settle(act.number, Outcome(outcome="perhaps", at=NOW, by="o")).why == "perhaps"


def test_of_acts_that_are_over_the_newest_are_kept_and_of_open_ones_all() -> None:
    acts = Acts()
    slow = acts.begin("the disk takes its time", NOW, DONE)
    for number in range(2 * KEPT):
        act = acts.begin(f"pause {number}", NOW, DONE)
        acts.sent(act.number, f"{number}.toml")
        acts.settle(act.number, ACCEPTED)
    assert len(acts._acts) == KEPT
    assert acts.sent(slow.number, "slow.toml").fate == "sent"
    assert acts.settle(slow.number, ACCEPTED).fate == "taken"
