"""Runs a command in a network of its own, in which there is nothing but the loopback.

    python -m tests.agents.loopback COMMAND…

So that no real agent that the tests start reaches anybody, whatever it tries.
"""

import fcntl
import os
import shutil
import socket
import struct
import sys

__all__ = ["alone", "bring_up", "command"]

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1
"""From linux/sockios.h and linux/if.h."""


def command(argv: list[str]) -> list[str]:
    """The command line that runs `argv` in a network of its own, also for who is not root."""
    unshare = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    return [*unshare, "--", sys.executable, "-m", "tests.agents.loopback", "--inside", *argv]


def alone() -> bool:
    """Whether there is no way from here to anybody but ourselves."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            any_socket.connect(("192.0.2.1", 9))  # asks for a route, and sends nothing
        except OSError:
            return True
    return False


def bring_up() -> None:
    """Has the loopback of this network work; raises OSError where that is not allowed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack_from("h", fcntl.ioctl(any_socket, SIOCGIFFLAGS, asked), 16)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def main(argv: list[str]) -> int:
    """Becomes the command; returns an exit status where that is impossible."""
    inside = argv[:1] == ["--inside"]
    argv = argv[1:] if inside else argv
    if not argv:
        print("usage: python -m tests.agents.loopback COMMAND…", file=sys.stderr)
        return 2
    try:
        if inside:
            bring_up()
            os.execvp(argv[0], argv)
        if not shutil.which("unshare"):
            raise FileNotFoundError("there is no program unshare: apt-get install util-linux")
        os.execvp("unshare", command(argv))
    except OSError as error:
        print(f"loopback: {' '.join(argv)}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
