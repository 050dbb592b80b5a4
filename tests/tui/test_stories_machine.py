"""A person sees what is left of the machine, what each worker takes, and what is held."""

from datetime import timedelta

import pytest

from state.machine import Hold, Worker
from tests.tui.builder import NOW, FleetBuilder, ago
from tests.tui.room import opened

CODEX = Hold(kind="provider", agent="codex", why="rate limit", since=ago(minutes=4), until=NOW + timedelta(minutes=17))


async def test_what_a_worker_takes_is_said_under_status_as_it_changes(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select("task:typing-imports-004")
        await person.sees("takes      187% cpu · 1.3G memory · 9 processes", "sandbox    bubblewrap")
        click.machine(Worker(task="typing-imports-004", attempt=1, cpu_percent=12.0, memory_mib=700, processes=3))
        await person.sees("takes      12% cpu · 700M memory · 3 processes")
        await person.select("task:typing-imports-005")
        await person.sees_no_more("takes ")


async def test_a_wide_screen_says_it_in_the_list(click: FleetBuilder) -> None:
    async with opened(click, size=(170, 40)) as person:
        await person.sees("187%  1.3G  running", "3%  412M  running", "mem 14.2G free · disk 79G")


async def test_an_old_sample_is_doubted(click: FleetBuilder) -> None:
    async with opened(click, size=(170, 40)) as person:
        await person.sees("mem 14.2G free · disk 79G", "3%  412M  running")
        await person.select("task:typing-imports-004")
        click.lease(beat=NOW + timedelta(minutes=4))
        await person.wait(minutes=4)
        await person.sees("mem 14.2G? · disk 79G? 4m ago", "9 processes, 4m ago")
        await person.sees_no_more("3%  412M  running")


async def test_what_is_short_is_said_on_a_small_screen(click: FleetBuilder) -> None:
    async with opened(click, size=(80, 24)) as person:
        assert "disk" not in person.screen
        click.machine(memory_free_mib=412)
        await person.sees("mem 412M free")


async def test_a_hold_has_a_line_of_its_own_while_it_lasts(click: FleetBuilder) -> None:
    async with opened(click, size=(80, 24)) as person:
        click.holds(CODEX)
        await person.sees("codex held 4m: rate limit, until 10:32")
        await person.wait(minutes=1)
        await person.sees("codex held 5m: rate limit, until 10:32")
        assert "3 need you" in person.screen
        click.holds()
        await person.sees_no_more("held")


async def test_a_spent_budget_needs_a_person(click: FleetBuilder) -> None:
    async with opened(click) as person:
        click.holds(
            Hold(kind="budget", why="the fleet's budget of $30.00 is used up: $30.11", since=ago(minutes=3)),
        )
        await person.sees("all agents held 3m: the fleet's budget of $30.00 is used up", "4 need you")
        for _ in range(3):
            await person.press("n")
        await person.sees("! all agents  held until you raise the budget  3m ago", "raise it under [budgets]")


async def test_a_refused_key_needs_a_person_until_it_is_let_in(click: FleetBuilder) -> None:
    refused = Hold(kind="provider", agent="claude", why="no such key", since=ago(minutes=3), failure="authentication")
    async with opened(click) as person:
        click.holds(refused)
        await person.sees("claude held 3m: no such key", "4 need you")
        for _ in range(3):
            await person.press("n")
        await person.sees("! claude  is not let in by its provider  3m ago", "then: opsroom release claude")
        click.holds()
        await person.sees("3 need you")


@pytest.mark.parametrize("readonly", [False, True])
async def test_a_held_agent_is_released_by_name(click: FleetBuilder, readonly: bool) -> None:
    click.holds(CODEX, Hold(kind="machine", why="412 MiB are free", since=ago(minutes=3)))
    async with opened(click, readonly=readonly) as person:
        await person.press("colon")
        await person.sees("Search for commands")
        await person.type("release")
        if readonly:
            await person.sees("No matches found")
            return
        await person.sees("release: codex", "Launch it again now")
        await person.press("enter", "enter")
        command = (await person.sends_one())[1]
        assert (command.verb, command.agent) == ("release", "codex")
        await person.sees("release codex")


async def test_a_lost_sandbox_is_marked_and_the_attempt_says_why(click: FleetBuilder) -> None:
    click.lease(sandbox="none", sandbox_why="user namespaces are forbidden here")
    click.attempt("typing-imports-004", started=ago(minutes=2), sandbox="none")
    async with opened(click) as person:
        await person.sees("no sandbox")
        await person.select("task:typing-imports-004")
        await person.sees("sandbox    none  user namespaces are forbidden here")


async def test_a_file_of_the_machine_that_cannot_be_read_is_a_fault(click: FleetBuilder) -> None:
    async with opened(click) as person:
        click.text(click.state.machine, "at = yesterday\n")
        await person.sees("4 need you")
        await person.sees_no_more("mem ")
