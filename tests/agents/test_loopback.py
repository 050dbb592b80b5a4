"""The network in which real agents are tried."""

import subprocess
import sys

from tests.agents.model_script import Script, Step
from tests.agents.model_server import serving
from tests.stories import CHECKOUT, DEADLINE

LOOK = """
import socket
from tests.agents.loopback import alone
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname(), 5).close()
print(alone())
"""


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.agents.loopback", *argv]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=DEADLINE, check=False)


def test_inside_there_is_the_loopback_and_nobody_else_can_be_reached() -> None:
    done = run(sys.executable, "-c", LOOK)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_what_listens_outside_is_not_there_inside() -> None:
    with serving() as outside:
        port = outside.server_address[1]
        outside.play("a", Script(steps=(Step(say="hello"),)))
        done = run(sys.executable, "-c", f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)")
    assert "ConnectionRefusedError" in done.stderr


def test_the_exit_status_is_the_commands() -> None:
    assert run("sh", "-c", "exit 7").returncode == 7


def test_a_command_that_is_not_there_is_an_error() -> None:
    done = run("no-such-command")
    assert (done.returncode, done.stderr) == (2, "loopback: no-such-command: [Errno 2] No such file or directory\n")


def test_nothing_to_run_is_an_error() -> None:
    assert run().returncode == 2
