"""A person reads: what a task is, says, prints and shows; and finds it in the tree."""

import io

from PIL import Image

from tests.tui.builder import NOW, FleetBuilder, ago
from tests.tui.room import Person, opened

ASKS = "task:typing-imports-003"
WORKS = "task:typing-imports-004"


def png(width: int = 8, height: int = 8, color: tuple[int, int, int] = (200, 30, 30)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), color).save(file, "PNG")
    return file.getvalue()


async def test_the_status_pane_says_all_that_is_known(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select(ASKS)
        await person.sees(
            "waiting  for 3m  said by orchestrator",
            "typing-imports, item 3 of 10",
            "exited with 0, after 6m, 3m ago, 207 MiB",
            "opsroom/typing-imports-003  onto main",
            "41,210 tokens · $0.31",
        )


async def test_a_campaign_says_where_it_is_and_what_it_did(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.sees(
            "queue      2/10",
            "start 27 · now 19 · goal 0",
            "Static checks only.",
            "agent codex · 2 at once · from main",
            "use collections.abc, not typing",
            "5 items, metric 27 to ?",
        )
        await person.press("2")
        await person.sees("a campaign has no checkpoint; its tasks have")
        await person.press("6")
        await person.sees("STOP_REASON:", "## Queue")


async def test_checkpoint_and_spec_are_read_and_read_again(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select(ASKS)
        await person.press("2")
        await person.sees("Wait for the answer, then finish")
        click.text(click.state.task("typing-imports-003").checkpoint, "All converters are strict.\n")
        await person.sees("All converters are strict.")
        await person.press("6")
        await person.sees("Make the imports of `src/click/types.py` explicit and strict.")
        await person.press("j")
        await person.press("2")
        await person.sees("no checkpoint yet")


async def test_the_conversation_goes_both_ways_and_says_what_arrived(click: FleetBuilder) -> None:
    sent = click.tell("typing-imports-003", "message", "Mind the public API.", ago(minutes=1))
    async with opened(click) as person:
        await person.select(ASKS)
        await person.press("3")
        await person.sees("3 Outbox 3", "worker: note  5m ago", "14 of 17 converters", "worker: question  3m ago  open")
        await person.sees("human: message  1m ago  sent", "Mind the public API.")
        click.say("typing-imports-003", "ack", "", of=sent.name)
        await person.sees("human: message  1m ago  read")
        click.file_away("typing-imports-003", sent.name)
        await person.sees("human: message  1m ago  delivered")


async def test_the_log_follows_until_a_person_reads_upwards(click: FleetBuilder) -> None:
    name = "typing-imports-004"
    click.log(name, *(f"line {number}" for number in range(200)))
    async with opened(click) as person:
        await person.select(WORKS)
        await person.press("4")
        await person.sees("line 199", "attempt 1 · following")
        click.log(name, "line 200")
        await person.sees("line 200")
        await person.press("tab", "k", "k")
        await person.sees("attempt 1 · f follows")
        click.log(name, "line 201")
        await person.until(lambda: len(person.app.fleet.panes.log_pane.lines) == 207)
        assert "line 201" not in person.screen
        await person.press("f")
        await person.sees("line 201", "attempt 1 · following")


async def test_the_log_shows_both_streams_and_the_newest_attempt(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select("task:typing-imports-006")
        await person.press("4")
        await person.sees("│ FAILED tests/test_termui.py::test_progressbar_strings", "attempt 3")
        click.attempt("typing-imports-006", 4)
        click.log("typing-imports-006", "fourth try", number=4)
        await person.sees("fourth try", "attempt 4 · following")
        assert "FAILED tests" not in person.screen


async def test_a_log_that_is_exchanged_begins_anew(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select(WORKS)
        await person.press("4")
        await person.sees("fixing line 211")
        click.text(click.state.task("typing-imports-004").attempt(1).stdout, "another file\n")
        await person.sees("another file")
        assert "fixing line 211" not in person.screen


async def test_without_an_attempt_the_log_says_so(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select("task:typing-imports-007")
        await person.press("4")
        await person.sees("no attempt has been started yet")


async def test_pictures_are_shown_newest_first(click: FleetBuilder) -> None:
    name = "typing-imports-004"
    click.capture(name, ago(minutes=4), png(), of="docs page", note="before")
    click.capture(name, ago(minutes=1), png(color=(20, 200, 20)), of="docs page", note="after")
    async with opened(click) as person:
        await person.select(WORKS)
        await person.press("5")
        await person.sees("1 of 2", "1m ago  8×8", "docs page · after", "▀▀▀▀▀▀▀▀")
        assert picture_colour(person) == (20, 200, 20)
        await person.press("tab", "left_square_bracket")
        await person.sees("2 of 2", "docs page · before")
        assert picture_colour(person) == (200, 30, 30)
        await person.press("right_square_bracket")
        await person.sees("1 of 2")
        click.capture(name, NOW, png(color=(1, 2, 3)), note="newest")
        await person.sees("1 of 3", "newest")


def picture_colour(person: Person) -> tuple[int, ...]:
    for strip in person.app.screen._compositor.render_strips():
        for text, style, _ in strip:
            if "▀" in text and style and style.color and style.color.triplet:
                return tuple(style.color.triplet)
    raise AssertionError("no picture on the screen")


async def test_a_broken_picture_is_a_word_in_the_pane(click: FleetBuilder) -> None:
    click.capture("typing-imports-004", ago(minutes=1), png()[:45])
    click.capture("typing-imports-004", ago(minutes=2), b"\x1b]52;c;ZXZpbA==\x07")
    async with opened(click) as person:
        await person.select(WORKS)
        await person.press("5")
        await person.sees("1 of 2", "not a picture:")
        await person.press("tab", "left_square_bracket")
        await person.sees("2 of 2", "not a picture: UnidentifiedImageError")


async def test_a_task_without_pictures_says_so(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select(WORKS)
        await person.press("5")
        await person.sees("no pictures yet")


async def test_a_file_that_is_not_understood_is_told_in_full_and_heals(click: FleetBuilder) -> None:
    status = click.state.task("typing-imports-004").status
    async with opened(click, size=(160, 40)) as person:
        await person.select(WORKS)
        click.text(status, 'state = "running"\nsince = soon\n')
        await person.sees(
            "! 004 src/click/parser.py", "fault", "tasks/typing-imports-004/status.toml: line 2: not TOML"
        )
        await person.sees("4 need you")
        click.status("typing-imports-004", "running", attempt=1)
        await person.sees("● 004 src/click/parser.py", "3 need you")


async def test_a_filter_finds_and_escape_clears_it(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.press("slash")
        await person.type("s:running")
        await person.sees("/s:running  2 of 10", "004 src/click/parser.py")
        assert "003 src/click/types.py" not in person.screen.split("Needs you")[0]
        await person.press("enter", "j")
        assert person.app.fleet.tasks.has_focus
        await person.sees("/s:running  2 of 10")
        await person.press("escape")
        await person.sees("002 src/click/utils.py")
        assert "of 10 " not in person.screen.splitlines()[1]


async def test_a_filter_without_a_match_says_so(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.press("slash")
        await person.type("nowhere")
        await person.sees("no task matches the filter")
        await person.press("escape")
        await person.sees("002 src/click/utils.py")


async def test_folding_hides_and_shows(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select(WORKS)
        await person.press("left")
        assert person.app.fleet.row and person.app.fleet.row.key == "campaign:typing-imports"
        await person.press("left")
        await person.sees("▸ typing-imports")
        await person.sees_no_more("004 src/click/parser.py")
        await person.press("right")
        await person.sees("▾ typing-imports", "004 src/click/parser.py")


async def test_the_cursor_stays_on_its_task_when_rows_move(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select(WORKS)
        click.status("typing-imports-004", "merged", since=NOW)
        await person.sees("✓ 004 src/click/parser.py")
        assert person.app.fleet.row and person.app.fleet.row.key == WORKS
        await person.sees("merged  for 0s")


async def test_the_cursor_stays_in_place_when_its_task_goes(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select("task:0042")
        click.state.task("0042").root.rename(click.state.root / "archive" / "0042")
        await person.sees_no_more("0042 Port the docs")
        assert person.app.fleet.row and person.app.fleet.row.key == "task:0041"


async def test_a_silent_worker_is_marked_quiet(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select(WORKS)
        await person.wait(minutes=4)
        await person.sees("● 004 src/click/parser.py      quiet       6m", "nothing written for 4m, not an error")


async def test_ages_go_on(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.sees("running    41s")
        await person.wait(seconds=1)
        await person.sees("running    42s")


async def test_an_empty_fleet_says_so(empty: FleetBuilder) -> None:
    async with opened(empty) as person:
        await person.sees("no tasks yet", "0 running", "0 need you", "nothing here yet")


async def test_a_missing_state_directory_is_waited_for(empty: FleetBuilder) -> None:
    import shutil

    root = empty.state.root
    shutil.rmtree(root)
    async with opened(empty) as person:
        await person.sees("polling: no state directory", "orchestrator never started")
        empty.state.create()
        empty.lease()
        empty.task("0001", "running")
        await person.sees("● 0001", "● up 2h14m")
