"""Known agents are really started, as their workers are: small programs stand here for the CLIs that one may have."""

import os
from pathlib import Path

import pytest

from opsroom.doctor.findings import FAIL, OK, WARN
from opsroom.doctor.looks import Look, looks
from orchestrator.agents import adapter
from orchestrator.config import Agent, Config, Sandbox
from tests.opsroom.doctor.conftest import Install
from tests.stories import Story

STARTS = "starts as root" if os.geteuid() == 0 else "starts"
TESTED = adapter("codex").version
ANSWER = f"echo codex-cli {TESTED}"
KEY = "sk-proj-of-nobody-0123456789"


def at_codex(
    story: Story, variables: dict[str, str] | None = None, *, sandbox: bool = True, seconds: float = 60.0
) -> Look:
    """What is seen of the agent `mine`, of the kind codex, by a person with an empty home and these `variables`."""
    config = Config(
        agents={"mine": Agent(kind="codex", command=["codex"])},
        sandbox=Sandbox(kind="bubblewrap" if sandbox else "none"),
    )
    return looks(config, story.repository, environment(story) | (variables or {}), seconds)[0]


def environment(story: Story) -> dict[str, str]:
    """That of a person who has no key."""
    home = story.folder / "home"
    home.mkdir(exist_ok=True)
    keys = {*adapter("codex").keys}
    own = {name: value for name, value in os.environ.items() if name not in keys}
    return own | {"HOME": str(home), "PATH": f"{story.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def test_one_that_starts_in_the_sandbox_and_has_its_key_is_well(story: Story, install: Install) -> None:
    place = install("codex", ANSWER)
    seen = at_codex(story, {"OPENAI_API_KEY": KEY})
    assert (seen.verdict, seen.advice) == (OK, "")
    assert seen.said == (
        f"codex-cli {TESTED}, {place}; {STARTS} in the sandbox, also without network; may sign in with OPENAI_API_KEY"
    )
    assert KEY not in repr(seen)


def test_another_version_than_the_tested_one_is_a_note_and_no_fault(story: Story, install: Install) -> None:
    install("codex", "echo codex-cli 99.1.0")
    seen = at_codex(story, {"OPENAI_API_KEY": KEY})
    assert seen.verdict == OK
    assert seen.said.startswith(f"codex-cli 99.1.0 (tested: {TESTED}), ")


def test_without_anything_to_sign_in_with_it_is_said_what_was_looked_for(story: Story, install: Install) -> None:
    install("codex", ANSWER)
    seen = at_codex(story)
    assert (seen.verdict, seen.signs_in) == (WARN, ())
    for name in ("OPENAI_API_KEY", "CODEX_API_KEY", "~/.codex/auth.json"):
        assert name in seen.said
    assert seen.advice == "sign in with it, or set one of these variables"


def test_a_file_that_it_signed_in_by_is_found_and_not_read(story: Story, install: Install) -> None:
    install("codex", ANSWER)
    folder = story.folder / "home" / ".codex"
    folder.mkdir(parents=True)
    (folder / "auth.json").write_text(KEY)
    (folder / "AGENTS.md").write_text("Be brief.")
    seen = at_codex(story)
    assert (seen.verdict, seen.signs_in) == (OK, ("~/.codex/auth.json",))
    assert KEY not in repr(seen)


def test_starting_it_changes_nothing_in_the_home(story: Story, install: Install) -> None:
    install("codex", f'mkdir -p "$HOME/.codex"; touch "$HOME/.codex/was-here"; {ANSWER}')
    for sandbox in (True, False):
        assert at_codex(story, sandbox=sandbox).version == f"codex-cli {TESTED}"
    assert list((story.folder / "home").iterdir()) == []


def test_one_that_needs_what_the_sandbox_hides_fails_there_and_is_tried_outside(story: Story, install: Install) -> None:
    hidden = story.folder / "licence"
    hidden.write_text("mine")
    install("codex", f"cat {hidden} >/dev/null || exit 4; {ANSWER}")
    seen = at_codex(story, {"OPENAI_API_KEY": KEY})
    assert (seen.verdict, seen.version) == (FAIL, f"codex-cli {TESTED}")
    assert f"starts, but not in the sandbox: exits with 4: cat: {hidden}: No such file" in seen.said
    assert seen.advice == "name what it misses under readable of [sandbox] in opsroom.toml"


def test_one_that_needs_the_network_to_start_is_told_so(story: Story, install: Install) -> None:
    ours = os.readlink("/proc/self/ns/net")
    install("codex", f'[ "$(readlink /proc/self/ns/net)" = "{ours}" ] || exit 5; {ANSWER}')
    seen = at_codex(story, {"OPENAI_API_KEY": KEY})
    assert seen.verdict == OK
    assert f"{STARTS} in the sandbox, and not without network: exits with 5" in seen.said


def test_what_it_says_beside_its_version_is_not_taken_for_it(story: Story, install: Install) -> None:
    install("codex", f"echo 'WARNING: helpers are not made in /tmp/x-1.2' >&2; {ANSWER}; echo 'or update to 9.9.9'")
    assert at_codex(story).version == f"codex-cli {TESTED}"


# ── what keeps it from starting ─────────────────────────────────────────────────────────────────────────────────

AGAIN = f"npm install -g @openai/codex@{TESTED}"


def test_one_that_is_not_there_is_said_with_how_to_install_it(story: Story, install: Install) -> None:
    seen = at_codex(story, {"PATH": str(story.folder / "bin")})
    assert (seen.verdict, seen.said) == (FAIL, "codex is not on PATH")
    assert seen.advice == f"{AGAIN}, or change agents.mine.command in opsroom.toml"


def test_a_link_that_leads_nowhere_is_said(story: Story, install: Install) -> None:
    link, gone = story.folder / "bin" / "codex", story.folder / "lib" / "codex.js"
    link.symlink_to(gone)
    seen = at_codex(story, {"PATH": str(link.parent)})
    assert (seen.verdict, seen.said) == (FAIL, f"{link} is a link to {gone}, which is not there")
    assert seen.advice.startswith(AGAIN)


@pytest.mark.parametrize("line", ["#!/usr/bin/env no-such-node", "#!/usr/bin/env -S no-such-node --no-warnings"])
def test_one_whose_interpreter_is_not_there_is_said_by_its_name(story: Story, install: Install, line: str) -> None:
    place = install("codex", "")
    place.write_text(f"{line}\nimport process\n")
    seen = at_codex(story)
    assert (seen.verdict, seen.said) == (FAIL, f"{place} is run by no-such-node, which is not there")
    assert seen.advice == "install no-such-node"


def test_a_wrapper_without_its_native_package_is_said_in_its_own_words(story: Story, install: Install) -> None:
    words = "Error: Missing optional dependency @openai/codex-linux-x64. Reinstall Codex: npm install -g @openai/codex"
    place = install("codex", f"printf 'codex.js:108\\n  throw new E()\\n\\n{words}\\n    at find (x:1)\\n' >&2; exit 1")
    seen = at_codex(story)
    assert (seen.verdict, seen.said) == (FAIL, f"{place} exits with 1: {words}")
    assert seen.advice == f"install it whole, without --omit=optional or --ignore-scripts: {AGAIN}"


def test_one_that_hangs_is_ended_and_not_tried_again(story: Story, install: Install, tmp_path: Path) -> None:
    install("codex", f"echo >> {tmp_path}/starts; sleep 600")
    seen = at_codex(story, sandbox=False, seconds=1.0)
    assert (seen.verdict, seen.problem) == (FAIL, "did not answer --version within 1 s")
    starts = tmp_path / "starts"  # a machine that stands still has not come to it within the second
    assert not starts.exists() or starts.read_text() == "\n"
    assert at_codex(story, seconds=1.0).problem == "did not answer --version within 1 s"


def test_nobody_who_is_refused_as_root_is_called_well() -> None:
    seen = Look("mine", "claude", configured=True, place="/usr/bin/claude", refused=True)
    assert (seen.verdict, seen.advice) == (FAIL, "run opsroom as another user, or get the sandbox to work")


def test_what_nobody_has_configured_is_started_as_well_and_never_fails(story: Story, install: Install) -> None:
    install("codex", ANSWER)
    install("claude", "exit 1")
    seen = {look.name: look for look in looks(Config(), story.repository, environment(story)) if not look.configured}
    assert (seen["codex"].verdict, seen["claude"].verdict) == (OK, WARN)
    assert seen["codex"].said.endswith(f"{STARTS} in the sandbox, also without network; nothing to sign in with")
