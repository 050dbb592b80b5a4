"""What a worker in its sandbox can't do, each promise by itself, and what it can.

docs/safety.md names these tests: a promise that is taken back is taken back there, too.
"""

import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.repository import worktrees
from orchestrator.repository.git import Git
from orchestrator.running.plain import children
from state import files, messages
from state.errors import BadFile, Unavailable
from state.fleet import FleetReader
from state.model import Attempt, decode
from tests.orchestrator.boxed import Boxed
from tests.stories import Story, alive

ONLY_INSIDE = (
    f'[ "$(readlink /proc/self/ns/mnt)" != "{os.readlink("/proc/self/ns/mnt")}" ] || exit 99; '
    f'[ "$(readlink /proc/self/ns/pid)" != "{os.readlink("/proc/self/ns/pid")}" ] || exit 99;'
)
"""Goes before what would hurt the machine that the tests run on, should there be no sandbox around it."""


@pytest.fixture
def boxed(story: Story, monkeypatch: pytest.MonkeyPatch) -> Boxed:
    monkeypatch.setenv("HOME", str(story.folder / "home"))
    return Boxed(story)


# ── what it writes ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_worker_writes_its_worktree_its_home_and_what_is_its_own(boxed: Boxed) -> None:
    boxed.run(
        """set -e
        echo 1 > made; mkdir -p folder/deep; rm notes.txt
        for folder in "$HOME" /tmp /var/tmp /dev/shm; do echo 1 > $folder/made; done
        for folder in outbox worker captures; do echo 1 > $OPSROOM_TASK_DIR/$folder/made; done
        mkdir $OPSROOM_STATE_DIR/locks/mine"""
    )
    assert sorted(path.name for path in boxed.worktree.iterdir()) == [".git", ".gitignore", "folder", "made"]
    for folder in (boxed.task.outbox, boxed.task.worker, boxed.task.captures):
        assert (folder / "made").read_text() == "1\n"


def test_the_verbs_of_a_worker_work(boxed: Boxed) -> None:
    said = boxed.run(
        """set -e
        echo here | opsroom checkpoint -
        opsroom note seen
        opsroom lock build -- echo built
        opsroom result success --summary done"""
    )
    assert said == "built\n"
    assert boxed.task.checkpoint.read_text() == "here\n"
    assert 'outcome = "success"' in boxed.task.result.read_text()
    found, faults = messages.pending(boxed.state.root, boxed.task.outbox)
    assert ([message.body for message in found], list(faults)) == (["seen"], [])


ELSEWHERE = [
    "notes.txt",
    "opsroom.toml",
    ".git/config",
    ".git/hooks/pre-commit",
    ".git/HEAD",
    ".git/refs/heads/main",
    ".git/refs/heads/opsroom/0001/1",
    ".git/objects/planted",
    ".git/worktrees/0001/gitdir",
    ".git/worktrees/0001/commondir",
    ".git/worktrees/0001/config.worktree",
    ".opsroom/format.toml",
    ".opsroom/journal.jsonl",
    ".opsroom/bin/opsroom",
    ".opsroom/inbox/20261121T101502.123456Z-0000-spawn.toml",
    ".opsroom/orchestrator/lease.toml",
    ".opsroom/orchestrator/git.toml",
    ".opsroom/campaigns/c/campaign.toml",
    ".opsroom/tasks/0001/spec.md",
    ".opsroom/tasks/0001/status.toml",
    ".opsroom/tasks/0001/task.toml",
    ".opsroom/tasks/0001/inbox/answer.md",
    ".opsroom/tasks/0001/attempts/1/exit.toml",
    ".opsroom/tasks/0001/attempts/1/launch.toml",
    ".opsroom/tasks/0002/status.toml",
    ".opsroom/tasks/0002/outbox/note.md",
    ".opsroom/tasks/0002/worker/result.toml",
    ".opsroom/worktrees/0002/notes.txt",
    ".opsroom/worktrees/0001/.git",
    ".opsroom/homes/0002/planted",
    ".opsroom/clones/0001/link",
    ".opsroom/clones/0002/git/HEAD",
    "../secret",
]
"""What is none of the worker's, seen from the person's checkout."""


def test_nothing_else_can_be_written(boxed: Boxed) -> None:
    places = [boxed.story.repository / path for path in ELSEWHERE]
    worktrees.prepare(boxed.story.repository, boxed.state.worktree("0002"), "0002", 1, "main")
    boxed.run("true")
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            place.write_text("as it was\n")
    before = {place: place.read_bytes() for place in places}
    ways = "for way in 'echo planted >' 'rm -f' 'mv made' 'ln -sf made'; do touch made; eval $way '{}'; done"
    boxed.run("; ".join([*map(ways.format, places), "true"]))
    for place in places:
        if boxed.attempt.root not in place.parents:  # the supervisor's own files change, but not by the worker
            assert place.read_bytes() == before[place], place
        assert place.read_text() != "planted\n", place
        assert not place.is_symlink(), place


@pytest.mark.parametrize("folder", ["/etc", "/usr", "/", "/opt", "/home", "/root", "/run"])
def test_the_system_cannot_be_written(boxed: Boxed, folder: str) -> None:
    path = Path(folder, f"opsroom-test-{os.urandom(4).hex()}")
    try:
        record = boxed.fails(f"{ONLY_INSIDE} echo planted > {path}")
        assert (record.status, os.path.lexists(path)) == (2, False)
    finally:
        with contextlib.suppress(PermissionError):  # who is not root cannot even look into /root
            path.unlink(missing_ok=True)
    assert "Read-only file system" in boxed.said()


# ── git ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_git_works(boxed: Boxed) -> None:
    said = boxed.run(
        """set -e
        echo four >> notes.txt; git commit --quiet --all --message one; git commit --quiet --amend --message two
        git checkout --quiet -b feature; touch made; git add made; git commit --quiet --message three
        echo five >> notes.txt; git stash --quiet; git stash pop --quiet; git checkout --quiet notes.txt
        git rebase --quiet --onto main main feature; git tag here; git merge --quiet main
        git gc --quiet; git fsck --strict --no-dangling; git log --format=%s; git log -1 --format='%an <%ae>'"""
    )
    assert said.splitlines() == ["three", "two", "first", "A Person <person@localhost>"]
    assert boxed.collect() == ""
    tip = worktrees.keep(boxed.worktree, "opsroom/0001/1", "kept")
    assert boxed.story.subjects(tip) == ["three", "two", "first"]


def test_no_branch_is_moved_or_deleted_but_the_tasks_own(boxed: Boxed) -> None:
    boxed.story.git("branch", "other")
    main = boxed.story.git("rev-parse", "main")
    boxed.run(
        """set -e
        git checkout --quiet main; git commit --quiet --allow-empty --message planted
        git branch --quiet -D other; git update-ref refs/heads/other2 HEAD; git branch --force opsroom/0002/1 HEAD
        git push --quiet . HEAD:refs/heads/pushed"""
    )
    boxed.collect()
    names = boxed.story.git("for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads").splitlines()
    assert {f"main {main}", f"other {main}"} < set(names)
    assert [name.split()[0] for name in names] == ["main", "opsroom/0001/1", "other"]


def test_no_hook_filter_or_setting_that_a_worker_planted_runs_outside(boxed: Boxed) -> None:
    boxed.run(
        """set -e
        printf '#!/bin/sh\\ntouch /tmp/sprung "$HOME/sprung"\\n' > trap; chmod +x trap
        for name in pre-commit commit-msg post-checkout post-commit reference-transaction post-index-change; do
            mkdir -p "$(git rev-parse --git-path hooks)"; cp trap "$(git rev-parse --git-path hooks)/$name"
        done
        git config core.hooksPath "$PWD"; git config core.fsmonitor "$PWD/trap"
        git config filter.evil.clean "$PWD/trap"
        git config --worktree filter.evil.smudge "$PWD/trap" || true
        git config core.pager "$PWD/trap"; echo '* filter=evil' > .gitattributes"""
    )
    assert boxed.collect() == ""
    boxed.story.git("config", "--get-regexp", "user.*")
    for key in ("core.hooksPath", "core.fsmonitor", "filter.evil.clean", "filter.evil.smudge", "core.pager"):
        assert Git(boxed.worktree).ask("config", "--get", key) in ("/dev/null", "false", None)
    worktrees.keep(boxed.worktree, "opsroom/0001/1", "kept")
    assert list(boxed.state.homes.rglob("sprung")) == []


def test_the_end_of_its_repository_is_the_end_of_nothing_else(boxed: Boxed) -> None:
    record = boxed.fails('rm -rf "$(git rev-parse --git-dir)" "$(git rev-parse --git-common-dir)" .git 2>&1; exit 0')
    assert record.status == 0
    assert (boxed.worktree / ".git").is_file()
    assert "put aside" in boxed.collect()
    assert boxed.story.git("fsck", "--strict") == ""
    assert boxed.story.git("log", "--format=%s", "main") == "first"


def test_git_gc_and_prune_hurt_nobody(boxed: Boxed) -> None:
    lying = _dangling(boxed.story)
    boxed.run("git reflog expire --expire=now --all; git gc --quiet --prune=now --aggressive; git prune --expire=now")
    assert boxed.story.git("cat-file", "-t", lying) == "blob"
    assert boxed.story.git("fsck", "--strict", "--no-dangling") == ""


def _dangling(story: Story) -> str:
    """An object that nothing refers to yet, as another worker's git has just written it."""
    (story.folder / "lying").write_text("lying\n")
    return story.git("hash-object", "-w", str(story.folder / "lying"))


# ── what it sees ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "name", [".ssh/id_ed25519", ".aws/credentials", ".netrc", ".bash_history", ".config/gh/hosts.yml"]
)
def test_homes_cannot_be_read(boxed: Boxed, name: str) -> None:
    secret = boxed.home / name
    secret.parent.mkdir(parents=True, exist_ok=True)
    secret.write_text("secret\n")
    record = boxed.fails(f"cat {secret} ~/{name}")
    assert record.status != 0
    assert boxed.attempt.stdout.read_text() == ""


def test_other_homes_and_temporary_files_cannot_be_seen(boxed: Boxed) -> None:
    secret = boxed.story.folder / "lying about"
    secret.write_text("secret\n")
    said = boxed.run(f"ls -A /home /tmp /var/tmp /run /media /mnt; ls -A {boxed.story.folder}")
    assert "lying" not in said


def test_what_other_users_cannot_read_cannot_be_read_though_root_started_it(boxed: Boxed) -> None:
    """A user who is not root could not read it anyway."""
    assert boxed.fails("cat /etc/shadow /etc/gshadow").status == 1
    assert boxed.attempt.stdout.read_text() == ""
    assert "root:" in boxed.run("cat /etc/passwd")
    if os.geteuid() == 0:
        assert boxed.run("ls -A /var/log") == ""
        boxed.story.sandbox(readable=["/etc/shadow", "/var/log"])
        assert "root:" in boxed.run("cat /etc/shadow")
        assert set(boxed.run("ls -A /var/log").splitlines()) == set(os.listdir("/var/log"))


def test_files_that_nobody_committed_and_passwords_in_settings_cannot_be_read(boxed: Boxed) -> None:
    (boxed.story.repository / ".env").write_text("PASSWORD=hunter2\n")
    boxed.story.git("config", "remote.origin.url", "https://me:hunter2@example.com/x.git")
    top = boxed.story.repository
    look = f"git remote --verbose; find {top} ~ -type f -exec cat {{}} + | tr -cd '[:print:]'; ls -A {top} {top}/.git"
    said = boxed.run(f"{look}; true")
    assert "https://example.com/x.git" in said
    assert "hunter2" not in said
    assert ".env" not in said


def test_the_worktrees_homes_and_repositories_of_others_cannot_be_seen(boxed: Boxed) -> None:
    for folder in (boxed.state.worktrees, boxed.state.homes, boxed.state.clones):
        (folder / "0002").mkdir()
    said = boxed.run('ls "$OPSROOM_STATE_DIR/worktrees" "$OPSROOM_STATE_DIR/homes" "$OPSROOM_STATE_DIR/clones"')
    assert "0002" not in said
    assert said.count("0001") == 3


def test_what_it_writes_to_a_temporary_folder_is_gone_with_it(boxed: Boxed) -> None:
    boxed.run("echo 1 > /tmp/made; echo 1 > /var/tmp/made")
    assert boxed.run("ls /tmp /var/tmp | grep made || true") == ""


def test_the_home_is_kept_over_the_attempts_of_a_task(boxed: Boxed) -> None:
    boxed.run("echo 1 > ~/.cached")
    assert boxed.run("cat ~/.cached") == "1\n"
    assert (boxed.state.homes / "0001").stat().st_mode & 0o777 == 0o700


# ── processes ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_processes_outside_cannot_be_seen(boxed: Boxed) -> None:
    said = boxed.run("sleep 0.01; cat /proc/[0-9]*/comm; true").splitlines()
    assert set(said) <= {"bwrap", "cat", "sh"}
    assert {"bwrap", "sh"} <= set(said)


def test_processes_outside_cannot_be_signalled(boxed: Boxed) -> None:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as victim:
        try:
            boxed.run(f"{ONLY_INSIDE} kill -KILL {victim.pid}; kill -KILL -{victim.pid}; true")
            assert victim.poll() is None
        finally:
            victim.kill()


def test_a_worker_that_signals_its_own_process_group_reaches_nothing_outside(boxed: Boxed) -> None:
    assert boxed.run("trap '' TERM HUP INT; kill -TERM 0; kill -HUP 0; kill -INT 0; echo on") == "on\n"


def test_shared_memory_and_queues_outside_cannot_be_reached(boxed: Boxed) -> None:
    inside = boxed.run("readlink /proc/self/ns/ipc /proc/self/ns/uts /proc/self/ns/pid /proc/self/ns/mnt").split()
    outside = [os.readlink(f"/proc/self/ns/{name}") for name in ("ipc", "uts", "pid", "mnt")]
    assert set(inside).isdisjoint(outside)


OPENED = """
import os
print(*(line.split()[1] for line in open("/proc/self/status") if line.startswith(("CapEff", "CapBnd"))))
paths = ["/proc/sysrq-trigger", "/dev/mem", "/dev/kmsg", "/dev/vda", "/dev/sda"]
for top in ("/proc/sys", "/sys", "/proc/irq", "/proc/bus"):
    paths += [os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names]
for path in paths:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        print("open", path)
    except OSError:
        pass
"""


def test_it_has_no_capability_and_cannot_open_the_kernels_settings(boxed: Boxed) -> None:
    """Nothing is ever written there: that a file can be opened to write is enough to know, and changes no machine."""
    assert boxed.run("python3", "-c", OPENED) == "0000000000000000 0000000000000000\n"


@pytest.mark.parametrize(
    "attempt",
    [
        "mount -o remount,rw /",
        "mount -o remount,rw,bind /usr",
        "umount /tmp",
        "umount -l /home",
        "mount --bind /tmp /usr",
        "mknod /tmp/disk b 8 0",
        "unshare --user --map-root-user --mount sh -c 'umount /home || mount -o remount,rw,bind /usr && test -w /usr'",
        "chroot /tmp /bin/true",
    ],
)
def test_what_is_hidden_or_read_only_stays_so(boxed: Boxed, attempt: str) -> None:
    assert boxed.fails(f"{ONLY_INSIDE} {attempt}").status not in (0, 99)


# ── the network ─────────────────────────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def listening() -> Iterator[int]:
    """A server on the loopback; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        answering = threading.Thread(target=_answer, args=(server,), daemon=True)
        answering.start()
        yield port
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
            pass
        answering.join(10)


def _answer(server: socket.socket) -> None:
    with server.accept()[0] as connection:
        connection.sendall(b"hello")


CALL = "import socket; print(socket.create_connection(('127.0.0.1', {port}), 60).recv(5).decode())"


def test_the_network_is_there_when_it_is_on(boxed: Boxed) -> None:
    with listening() as port:
        assert boxed.run("python3", "-c", CALL.format(port=port)) == "hello\n"
    assert boxed.run("cat /etc/resolv.conf") == Path("/etc/resolv.conf").read_text()


@pytest.mark.parametrize("settings", [{"network": False}, {}])
def test_the_network_cannot_be_reached_when_it_is_off(boxed: Boxed, settings: dict[str, Any]) -> None:
    boxed.story.sandbox(**settings)
    with listening() as port:
        record = boxed.fails("python3", "-c", CALL.format(port=port), **({} if settings else {"network": False}))
    assert record.status == 1
    assert "ConnectionRefusedError" in boxed.said()
    assert boxed.run("cat /proc/net/dev", network=False).count("\n") == 3  # two lines of head, and lo


# ── secrets ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_of_the_environment_only_what_is_named_is_there(boxed: Boxed, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "MY_API_KEY", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR", "PYTHONPATH"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    boxed.story.sandbox(keep=["MY_API_KEY", "NOT_SET"])
    found = dict(line.split("=", 1) for line in boxed.run("env").splitlines())
    assert [name for name, value in found.items() if value == "secret"] == ["MY_API_KEY"]
    assert (found["LC_ALL"], found["https_proxy"]) == ("C.UTF-8", "http://proxy:3128")
    assert found["HOME"] == str(boxed.state.homes / "0001")


def test_no_secret_is_on_a_command_line_or_in_a_file(boxed: Boxed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "a-secret-value")
    boxed.story.sandbox(keep=["MY_API_KEY"])
    boxed.start("echo $MY_API_KEY | wc -c > $OPSROOM_TASK_DIR/worker/length; sleep 600")
    length = boxed.task.worker / "length"
    boxed.story.wait(lambda: length.exists() and length.read_text(), "the worker to begin")
    boxed.story.wait(boxed.attempt.run.exists, "the last file that is renamed while all are looked through")
    assert length.read_text() == "15\n"
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            assert b"a-secret-value" not in path.read_bytes()
    for path in boxed.state.root.rglob("*"):
        if path.is_file():
            assert b"a-secret-value" not in path.read_bytes()


def test_named_credentials_are_there_read_only_and_nothing_beside_them(boxed: Boxed) -> None:
    for name in (".agent/token", ".agent/history", ".other.json"):
        path = boxed.home / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{name}\n")
    boxed.story.sandbox(credentials=["~/.agent/token", "~/.other.json"])
    assert boxed.run("cat ~/.agent/token ~/.other.json; ls -A ~/.agent") == ".agent/token\n.other.json\ntoken\n"
    boxed.run(
        "echo planted > ~/.agent/token; rm -f ~/.agent/token; mv ~/.agent/token ~/x; chmod 777 ~/.other.json; true"
    )
    assert (boxed.home / ".agent" / "token").read_text() == ".agent/token\n"
    assert boxed.run("cat ~/.agent/token") == ".agent/token\n"


def test_a_folder_of_credentials_and_one_that_is_a_link_are_there(boxed: Boxed) -> None:
    dotfiles = boxed.story.folder / "dotfiles"
    dotfiles.mkdir()
    (dotfiles / "agent.json").write_text("token\n")
    (boxed.home / ".agent.json").symlink_to(dotfiles / "agent.json")
    (boxed.home / ".keys").mkdir()
    (boxed.home / ".keys" / "a").write_text("a\n")
    boxed.story.sandbox(credentials=["~/.agent.json", "~/.keys"])
    assert boxed.run("cat ~/.agent.json ~/.keys/a") == "token\na\n"


def test_the_credentials_of_one_agent_are_not_anothers(boxed: Boxed) -> None:
    for name in (".one", ".two"):
        (boxed.home / name).write_text(name)
    boxed.story.sandbox(credentials=["~/.one"])
    assert boxed.run("ls -A ~", credentials=["~/.two"]).split() == [".gitconfig", ".profile", ".two"]
    assert boxed.fails("cat ~/.one", credentials=["~/.two"]).status == 1


def test_credentials_that_are_missing_are_said_to_be(boxed: Boxed) -> None:
    boxed.story.agent("true")
    boxed.story.sandbox(credentials=["~/.agent.json"])
    with pytest.raises(
        Unavailable, match=r"credentials names ~/\.agent\.json, and .*/home/\.agent\.json does not exist"
    ):
        boxed.enclosure()


# ── links ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_link_in_the_home_leads_no_credential_out(boxed: Boxed) -> None:
    (boxed.home / ".agent").mkdir()
    (boxed.home / ".agent" / "token").write_text("token\n")
    victim = boxed.story.folder / "victim"
    victim.mkdir()
    boxed.run(f"ln -s {victim} ~/.agent; ln -s {victim}/file ~/.other")
    boxed.story.sandbox(credentials=["~/.agent/token"])
    assert boxed.run("cat ~/.agent/token") == "token\n"
    assert list(victim.iterdir()) == []


def test_no_link_in_the_outbox_or_the_checkpoint_is_followed(boxed: Boxed) -> None:
    secret = boxed.story.folder / "secret"
    secret.write_text('+++\nkind = "note"\nat = 2026-11-21T10:00:00Z\n+++\nsecret\n')
    boxed.run(
        f"""set -e; cd "$OPSROOM_TASK_DIR"
        ln -s {secret} outbox/20261121T101502.123456Z-0000-note.md
        ln -s {secret} worker/checkpoint.md; ln -s {secret} worker/result.toml"""
    )
    reader = FleetReader(boxed.state)
    reader.apply(frozenset({"tasks", "tasks/0001"}))
    view = reader.fleet.tasks["0001"]
    assert (view.result, list(view.outbox)) == (None, [])
    assert "secret" not in repr(view)
    with pytest.raises(BadFile, match="symbolic link"):
        files.read_text(boxed.state.root, boxed.task.checkpoint)


def test_a_link_in_the_worktree_is_kept_as_a_link(boxed: Boxed) -> None:
    secret = boxed.story.folder / "secret"
    secret.write_text("secret\n")
    folder = boxed.story.folder / "folder"
    folder.mkdir()
    boxed.run(f"ln -s {secret} file; ln -s {folder} folder; ln -s / root")
    boxed.collect()
    worktrees.keep(boxed.worktree, "opsroom/0001/1", "kept")
    tree = boxed.story.git("ls-tree", "opsroom/0001/1").splitlines()
    assert [line.split()[0] for line in tree if line.endswith(("\tfile", "\tfolder", "\troot"))] == ["120000"] * 3
    worktrees.put_away(boxed.story.repository, boxed.worktree, "0001", 1, "main", "kept")
    assert (secret.read_text(), folder.is_dir(), boxed.worktree.exists()) == ("secret\n", True, False)


@pytest.mark.parametrize("name", ["outbox", "worker", "captures"])
def test_a_folder_of_the_task_cannot_be_replaced_by_a_link(boxed: Boxed, name: str) -> None:
    boxed.run(f'cd "$OPSROOM_TASK_DIR"; rm -rf {name}; mv {name} x; ln -sfn /tmp {name}; true')
    assert (boxed.task.root / name).is_dir()
    assert not (boxed.task.root / name).is_symlink()


def test_the_worktree_cannot_be_pointed_at_another_repository(boxed: Boxed) -> None:
    worktrees.prepare(boxed.story.repository, boxed.worktree, "0001", 1, "main")
    before = (boxed.worktree / ".git").read_text()
    boxed.run("rm -f .git; mv .git x; git init --quiet /tmp/evil; echo 'gitdir: /tmp/evil' > .git; true")
    assert (boxed.worktree / ".git").read_text() == before


# ── daemons ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_whatever_it_leaves_running_ends_with_it(boxed: Boxed) -> None:
    mark = f"daemon-{os.urandom(4).hex()}"
    boxed.run(
        f"""for number in 1 2 3; do
            (setsid sh -c 'trap "" TERM HUP INT; : {mark}; touch up-'$number'; while :; do sleep 0.05; done' &) &
        done
        until [ -e up-1 ] && [ -e up-2 ] && [ -e up-3 ]; do sleep 0.01; done"""
    )
    assert [pid for pid in with_argument(mark) if alive(pid)] == []


def test_a_sandbox_that_is_killed_whole_is_an_attempt_that_was_killed(boxed: Boxed) -> None:
    attempt = boxed.start("sleep 600")
    boxed.story.wait(attempt.run.exists, "the supervisor")
    child = decode(Attempt, attempt.run.read_text(), "run.toml").child
    first = boxed.story.wait(lambda: children(child), "the first process inside")
    os.kill(first[0], signal.SIGKILL)
    record = boxed.ended()
    assert (record.reason, record.status, record.error) == ("exited", -signal.SIGKILL, "")


def with_argument(mark: str) -> list[int]:
    """The processes that have `mark` on their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if mark.encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found
