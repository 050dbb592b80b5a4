"""bubblewrap's command line, and what is said where bubblewrap does not work."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.sandboxes import sandbox
from orchestrator.sandboxes.sandbox import STATUS_FD, Box, Mount, Probe, _why, argv, probe
from tests.orchestrator.boxed import program

BOX = Box(argv=("agent", "--go"), cwd=Path("/w"), hidden=(), scratch=(), readable=(), writable=())
PLACING = ("--tmpfs", "--bind", "--ro-bind", "--symlink", "--remount-ro")


def mounts(**paths: Any) -> list[tuple[str, ...]]:
    """What of a box is mounted after the system, in order: the option, and what it is told (a path once)."""
    words = argv("bwrap", replace(BOX, **paths))
    rest = iter(words[words.index("--die-with-parent") + 1 : words.index("--chdir")])
    found = []
    for word in rest:
        assert word in PLACING, word
        told = [next(rest) for _ in range(1 if word in ("--tmpfs", "--remount-ro") else 2)]
        found.append((word, *dict.fromkeys(told)))
    return found


def paths(*spelled: str) -> tuple[Path, ...]:
    return tuple(map(Path, spelled))


# ── the command line ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_folder_is_mounted_before_what_is_in_it_in_whatever_order_they_are_named() -> None:
    found = mounts(
        hidden=paths("/home"),
        readable=paths("/home/me/.cargo/bin", "/home/me/r"),
        writable=paths("/home/me/r/.opsroom/worktrees/1", "/home/me/r/.opsroom/locks"),
        replaced=(Mount(Path("/home/me/link"), Path("/home/me/r/.opsroom/worktrees/1/.git")),),
    )
    assert found == [
        ("--tmpfs", "/home"),
        ("--ro-bind", "/home/me/.cargo/bin"),
        ("--ro-bind", "/home/me/r"),
        ("--bind", "/home/me/r/.opsroom/locks"),
        ("--bind", "/home/me/r/.opsroom/worktrees/1"),
        ("--ro-bind", "/home/me/link", "/home/me/r/.opsroom/worktrees/1/.git"),
        ("--remount-ro", "/home"),
    ]


def test_names_that_sort_between_a_folder_and_what_is_in_it_come_after() -> None:
    """`-` is less than `/`, but `/a-b` lies not between `/a` and `/a/c`."""
    found = mounts(hidden=paths("/a"), writable=paths("/a/c", "/a-b"))
    assert found == [("--tmpfs", "/a"), ("--bind", "/a/c"), ("--bind", "/a-b"), ("--remount-ro", "/a")]


def test_what_is_hidden_is_read_only_and_what_is_scratch_is_not() -> None:
    found = mounts(hidden=paths("/home", "/root"), scratch=paths("/tmp"))
    assert found == [
        *(("--tmpfs", "/home"), ("--tmpfs", "/root"), ("--tmpfs", "/tmp")),
        *(("--remount-ro", "/home"), ("--remount-ro", "/root")),
    ]


def test_what_is_hidden_in_what_is_shown_is_hidden() -> None:
    found = mounts(hidden=paths("/home", "/home/r/.opsroom/homes"), readable=paths("/home/r/.opsroom"))
    assert found[1:3] == [("--ro-bind", "/home/r/.opsroom"), ("--tmpfs", "/home/r/.opsroom/homes")]
    assert ("--remount-ro", "/home/r/.opsroom/homes") in found


def test_what_is_so_already_is_not_done_again() -> None:
    found = mounts(hidden=paths("/home", "/home/me"), readable=paths("/home/me/a", "/home/me/a/b"))
    assert found == [("--tmpfs", "/home"), ("--ro-bind", "/home/me/a"), ("--remount-ro", "/home")]


def test_what_is_named_as_readable_in_what_can_be_written_is_read_only() -> None:
    found = mounts(readable=paths("/w/a", "/w/a/b"), writable=paths("/w"))
    assert found == [("--bind", "/w"), ("--ro-bind", "/w/a")]


def test_what_is_named_twice_is_what_can_be_done_more_with() -> None:
    everywhere = paths("/a")
    assert mounts(hidden=everywhere, readable=everywhere) == [("--ro-bind", "/a")]
    assert mounts(hidden=everywhere, readable=everywhere, writable=everywhere) == [("--bind", "/a")]
    found = mounts(readable=paths("/a", "/a/b"), writable=everywhere)
    assert found == [("--bind", "/a"), ("--ro-bind", "/a/b")]


def test_a_link_is_made_where_there_is_none() -> None:
    link = (Path("/home/me/bin/tool"), "../tool-1")
    assert mounts(hidden=paths("/home"), links=(link,))[1] == ("--symlink", "../tool-1", "/home/me/bin/tool")
    shown = mounts(hidden=paths("/home"), readable=paths("/home/me/bin"), links=(link,))
    assert "--symlink" not in [found[0] for found in shown]


@pytest.mark.parametrize("network", [True, False])
def test_the_network_is_taken_away_only_where_it_is_off(network: bool) -> None:
    assert ("--unshare-net" in argv("bwrap", replace(BOX, network=network))) is not network


def test_every_other_namespace_is_always_its_own_and_no_capability_is_kept() -> None:
    words = argv("bwrap", BOX)
    assert {"--unshare-pid", "--unshare-ipc", "--unshare-uts", "--new-session", "--die-with-parent"} < set(words)
    assert words[words.index("--cap-drop") + 1] == "ALL"
    assert "--share-net" not in words


def test_no_variable_is_on_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "a-secret-value")
    words = argv("bwrap", BOX, STATUS_FD)
    assert {"--setenv", "--unsetenv", "--clearenv"}.isdisjoint(words)
    assert not any("a-secret-value" in word for word in words)


def test_the_program_comes_last_and_begins_where_it_is_to() -> None:
    assert argv("/usr/bin/bwrap", BOX)[-5:] == ["--chdir", "/w", "--", "agent", "--go"]
    assert "--json-status-fd" not in argv("bwrap", BOX)
    assert argv("bwrap", BOX, 3)[-7:-5] == ["--json-status-fd", "3"]


# ── whether it works ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty PATH but for `true`; what was found out about bubblewrap is forgotten before and after."""
    folder = tmp_path / "bin"
    program(folder / "true", "#!/bin/sh\nexit 0\n")
    monkeypatch.setenv("PATH", str(folder))
    probe.cache_clear()
    yield folder
    probe.cache_clear()


def test_bubblewrap_works_here() -> None:
    probe.cache_clear()
    for network in (True, False):
        found = probe(network)
        assert (found.works, found.why) == (True, "")
        assert found.version[0].isdigit()
        assert os.access(found.program, os.X_OK)


def test_bubblewrap_that_is_not_there(programs: Path) -> None:
    assert probe() == Probe(False, "bubblewrap is not installed: apt install bubblewrap")
    (programs / "true").unlink()
    assert not probe(network=False).works


def test_bubblewrap_that_fails(programs: Path) -> None:
    place = program(
        programs / "bwrap",
        '#!/bin/sh\n[ "$1" = --version ] && echo bubblewrap 0.9.9 && exit\necho bwrap: no luck today >&2; exit 1\n',
    )
    why = "bubblewrap does not work here: bwrap: no luck today"
    assert probe() == Probe(False, why, "0.9.9", str(place))


def test_bubblewrap_that_only_cannot_take_the_network_away(programs: Path) -> None:
    said = "bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted"
    program(programs / "bwrap", f'#!/bin/sh\ncase "$*" in *--unshare-net*) echo "{said}" >&2; exit 1;; esac\n')
    assert probe(network=True).works
    assert probe(network=False).why == (
        f"bubblewrap cannot take the network away here ({said}): set sandbox.network = true"
    )


def test_bubblewrap_that_hangs_is_not_waited_for(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "PROBE_SECONDS", 0.2)
    os.mkfifo(programs / "never")
    program(programs / "bwrap", f"#!/bin/sh\nread word < {programs}/never\n")
    assert probe().why == "bubblewrap did not answer within 0.2 s"


def test_bubblewrap_that_is_no_program(programs: Path) -> None:
    program(programs / "bwrap", "#!/no/such/interpreter\n")
    assert probe().why.startswith("bubblewrap does not work here: ")
    assert probe().why.endswith("bwrap: No such file or directory")


def test_it_is_tried_once_and_without_true_it_is_said_so(programs: Path) -> None:
    program(programs / "bwrap", f'#!/bin/sh\necho tried >> {programs}/times; echo "bubblewrap 1"\n')
    assert probe() is probe()
    assert (programs / "times").read_text().count("tried") == 2  # its version, and whether it works
    probe.cache_clear()
    (programs / "true").unlink()
    assert "no 'true' on PATH" in probe().why


NO_NAMESPACE = "bwrap: No permissions to create a new namespace, likely because the kernel does not allow it"
MAP = "bwrap: setting up uid map: Permission denied"
PROC = "bwrap: Can't mount proc on /newroot/proc: Operation not permitted"
LOOPBACK = "bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted"
APPARMOR, CLONE, MOST = (
    "proc/sys/kernel/apparmor_restrict_unprivileged_userns",
    "proc/sys/kernel/unprivileged_userns_clone",
    "proc/sys/user/max_user_namespaces",
)


@pytest.mark.parametrize(
    ("said", "there", "why"),
    [
        (
            MAP,
            {APPARMOR: "1\n", CLONE: "1\n", MOST: "62000\n"},
            "AppArmor forbids user namespaces: give bwrap a profile",
        ),
        (NO_NAMESPACE, {APPARMOR: "0\n", CLONE: "0\n"}, "sysctl kernel.unprivileged_userns_clone=1"),
        (NO_NAMESPACE, {MOST: "0\n"}, "sysctl user.max_user_namespaces=15000"),
        (
            NO_NAMESPACE,
            {CLONE: "1\n", ".dockerenv": ""},
            "the container forbids user namespaces: start it with --security",
        ),
        (
            NO_NAMESPACE,
            {"run/.containerenv": ""},
            "--security-opt seccomp=unconfined --security-opt apparmor=unconfined",
        ),
        (NO_NAMESPACE, {}, f"user namespaces are forbidden here: {NO_NAMESPACE}"),
        (PROC, {".dockerenv": ""}, "--security-opt systempaths=unconfined"),
        (LOOPBACK, {APPARMOR: "1\n"}, "set sandbox.network = true"),
        ("bwrap: Unknown option --cap-drop", {APPARMOR: "1\n"}, "does not work here: bwrap: Unknown option --cap-drop"),
        ("bwrap: a warning\n\nbwrap: the error\n\n", {}, "bubblewrap does not work here: bwrap: the error"),
        ("", {}, "bubblewrap does not work here: it said nothing"),
    ],
)
def test_each_cause_has_something_to_do_about_it(tmp_path: Path, said: str, there: dict[str, str], why: str) -> None:
    for name, text in there.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert why in _why(said, tmp_path)
    assert "\n" not in _why(said, tmp_path)


def test_a_box_of_ours_runs(tmp_path: Path) -> None:
    """The arguments are bubblewrap's: here is one box of every kind of thing, and what is seen in it."""
    for name in ("shown", "written", "secret", "target"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(f"{name}\n")
    look = (
        "cat shown/file written/file link/file replaced; ls; for name in . shown written; do echo 1 > $name/new; done"
    )
    box = Box(
        argv=("sh", "-c", look),
        cwd=tmp_path,
        hidden=(tmp_path,),
        scratch=(),
        readable=(tmp_path / "shown",),
        writable=(tmp_path / "written",),
        replaced=(Mount(tmp_path / "target" / "file", tmp_path / "replaced"),),
        links=((tmp_path / "link", "shown"),),
    )
    done = subprocess.run(argv("bwrap", box), capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == [
        *("shown", "written", "shown", "target"),
        *("link", "replaced", "shown", "written"),
    ]
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("new")) == ["written/new"]
