"""A state directory on a disk of its own, small enough to be filled, in a mount namespace that ends with the test.

The test's body runs in a child process, which alone sees the disk; so it may fill it, or make it read-only, and nobody
else notices. Needs root, or a system that lets everyone have user namespaces.
"""

import contextlib
import ctypes
import os
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.stories import Story, telling

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_RDONLY, MS_NOSUID, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 32, 4096, 16384, 1 << 18
MIB, BLOCK = 1024 * 1024, 4096
_libc = ctypes.CDLL(None, use_errno=True)

Body = Callable[[Story, "Disk"], None]


class Disk:
    """The file system that holds a state directory and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / ".ballast"

    def fill(self, leave: int = 0) -> None:
        """Fills it up but for `leave` bytes, which are rounded down to whole blocks."""
        with self._ballast.open("ab") as file:
            while self.free() > leave:
                with contextlib.suppress(OSError):  # somebody else took some of it this instant
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), max(BLOCK, self.free() - leave))

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        """Keeps it full while the block runs: whatever anybody frees is taken at once. Then there is room again."""
        ended = threading.Event()

        def take() -> None:
            while not ended.wait(0.001):
                self.fill()

        taking = threading.Thread(target=take, daemon=True)
        self.fill()
        taking.start()
        try:
            yield
        finally:
            ended.set()
            taking.join(10)
            self.make_room()

    def free(self) -> int:
        """Bytes that are left."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def make_room(self) -> None:
        """Frees what `fill` took."""
        self._ballast.unlink(missing_ok=True)

    def make_read_only(self) -> None:
        """Lets nobody open anything there to write; what is open stays so, which no real disk promises either."""
        _mount(str(self.folder), str(self.folder), "", MS_BIND)
        _mount("", str(self.folder), "", MS_BIND | MS_REMOUNT | MS_RDONLY)

    def make_writable(self) -> None:
        """Takes `make_read_only` back."""
        if _libc.umount2(os.fsencode(self.folder), 2):  # MNT_DETACH: somebody may look at it this instant
            raise OSError(ctypes.get_errno(), "umount")


def on_a_small_disk(body: Body) -> Callable[[Path], None]:
    """A test that runs `body` with a story whose state directory lies on a disk of 8 MiB."""

    def test(tmp_path: Path) -> None:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            os._exit(_alone(body, tmp_path, writing))
        os.close(writing)
        with os.fdopen(reading, encoding="utf-8", errors="replace") as pipe:
            said = pipe.read()
        _, status = os.waitpid(pid, 0)
        if status:
            raise AssertionError(f"in the namespace of the disk (status {status}):\n{said}")

    test.__name__, test.__doc__, test.__module__ = body.__name__, body.__doc__, body.__module__
    return test


def _alone(body: Body, folder: Path, said: int) -> int:
    try:
        _enter_namespace()
        with telling(folder) as story, _mounted(story) as disk:
            body(story, disk)
            story.close()
    except BaseException:  # noqa: BLE001 - whatever it is, the parent raises it as a failed test
        os.write(said, traceback.format_exc().encode("utf-8", "replace")[-60_000:])
        return 1
    return 0


@contextlib.contextmanager
def _mounted(story: Story) -> Iterator[Disk]:
    _mount("tmpfs", str(story.state.root), "tmpfs", MS_NOSUID, f"size={8 * MIB},mode=700")
    story.state.create()
    yield Disk(story.state.root)


def _enter_namespace() -> None:
    uid, gid = os.getuid(), os.getgid()
    if _libc.unshare(CLONE_NEWNS):
        if _libc.unshare(CLONE_NEWNS | CLONE_NEWUSER):
            raise OSError(ctypes.get_errno(), "no mount namespace: run as root, or allow user namespaces")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    _mount("none", "/", "", MS_REC | MS_PRIVATE)


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    words = [os.fsencode(word) for word in (source, target, kind)]
    if _libc.mount(*words, ctypes.c_ulong(flags), os.fsencode(data)):
        number = ctypes.get_errno()
        raise OSError(number, f"mount {target}: {os.strerror(number)}")
