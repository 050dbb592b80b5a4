"""What the Status pane says of limits and failures."""

from dataclasses import replace

from state.envelope import Campaign
from state.model import Status, Task
from state.usage import Budget, Usage
from state.views import CampaignView, Fleet, TaskView
from tests.tui.builder import NOW
from tui.costs import budget_text, usage_text
from tui.describe import describe_campaign
from tui.text import plain


def test_each_limit_that_is_set_is_said_with_what_is_used_of_it() -> None:
    used = Usage(attempts=3, seconds=720, tokens=1200, dollars=1.2)
    every = Budget(attempts=10, seconds=3600, tokens=5000, dollars=5)
    assert budget_text(used, every) == "3 of 10 attempts · 12m of 1h · 1,200 of 5,000 tokens · $1.20 of $5.00"
    assert budget_text(used, Budget(dollars=5)) == "$1.20 of $5.00"
    assert usage_text(used) == "1,200 tokens · $1.20 · 12m in 3 attempts"
    assert usage_text(Usage()) == ""


def test_a_campaign_adds_up_what_its_tasks_used() -> None:
    def item(name: str, campaign: str, dollars: float) -> TaskView:
        status = Status(state="merged", since=NOW, by="o", usage=Usage(attempts=1, dollars=dollars))
        return TaskView(name, Task(title=name, created=NOW, campaign=campaign), status)

    tasks = {view.id: view for view in (item("a", "c", 1.0), item("b", "c", 0.5), item("c", "other", 9.0))}
    view = CampaignView("c", envelope=Campaign(agent="x", budgets=Budget(dollars=4, attempts=9)))
    said = [plain(line) for line in describe_campaign(view, Fleet(tasks=tasks), NOW)]
    assert any(line.startswith("budget") and line.endswith("2 of 9 attempts · $1.50 of $4.00") for line in said)
    silent = replace(view, envelope=Campaign(agent="x"))
    assert not any(plain(line).startswith("budget") for line in describe_campaign(silent, Fleet(tasks=tasks), NOW))
