"""A halt reaches a person by the services that they use: a real server on the loopback stands for one."""

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.stories import Story


class Service(http.server.ThreadingHTTPServer):
    """Takes what apprise's `json://` posts, and keeps it in `heard`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.heard: list[dict[str, Any]] = []
        self.status = 200


class Answering(http.server.BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        self.server.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.shutdown()


def notify(story: Story, service: Service | None = None, **settings: object) -> None:
    path = story.folder / "services.txt"
    if service is not None:
        path.write_text(f"json://someone:s3cret@127.0.0.1:{service.server_port}/hook\n")
    chosen = {"config": str(path)} | settings
    config = story.repository / "opsroom.toml"
    config.write_text(
        config.read_text() + "\n[notify]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in chosen.items())
    )


def run(story: Story) -> None:
    story.send("campaign-start", campaign="twos")
    story.up_once()


def test_a_halt_is_told_once_with_what_to_do(story: Story, service: Service) -> None:
    story.agent('[ "$OPSROOM_INDEX" = 2 ] && opsroom stop "Two or three?"; touch $OPSROOM_ITEM')
    story.campaign("twos", ["a", "b", "c"])
    notify(story, service)
    run(story)
    story.up_once()  # and not again by the next orchestrator
    (heard,) = service.heard
    assert heard["title"] == "Opsroom: twos halted: stop"
    assert heard["message"] == (
        "item 2, b: Two or three?\n1 of 3 items are done. "
        "Answer, reword or defer the item, then go on: opsroom campaign start twos."
    )
    assert story.campaign_view("twos").runs[-1][1].notified is not None


def test_a_pause_is_no_news_to_who_made_it(story: Story, service: Service) -> None:
    story.agent("sleep 600")
    story.campaign("twos", ["a"])
    notify(story, service)
    story.send("campaign-start", campaign="twos")
    running = story.up()
    story.wait_for_state("twos-0001", "running")
    story.outcome(story.send("campaign-pause", campaign="twos"))
    story.send("kill", task="twos-0001")
    story.wait(lambda: story.events("halt", status="paused"), "the halt")
    running.terminate()
    story.finish(running)
    assert service.heard == []


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ("refuses", "not every service in {path} took it"),
        ("nothing named", "notify.config: {path} names no service that apprise knows"),
        ("no file", "notify.config: there is no file {path}"),
    ],
)
def test_what_does_not_get_through_is_said_and_no_address_with_it(
    story: Story, service: Service, spoil: str, why: str
) -> None:
    story.agent("touch $OPSROOM_ITEM")
    story.campaign("twos", ["a"])
    notify(story, service)
    path = story.folder / "services.txt"
    if spoil == "refuses":
        service.status = 500
    elif spoil == "nothing named":
        path.write_text("# none\n")
    else:
        path.unlink()
    run(story)
    (trouble,) = story.events("trouble", what="notify")
    assert trouble["why"] == why.format(path=path)
    for file in story.state.root.rglob("*"):
        assert not (file.is_file() and b"s3cret" in file.read_bytes())


def test_a_service_that_does_not_answer_is_not_waited_for_for_ever(story: Story) -> None:
    import socket

    story.agent("touch $OPSROOM_ITEM")
    story.campaign("twos", ["a"])
    with socket.create_server(("127.0.0.1", 0)) as silent:
        notify(story, seconds=1.5)
        (story.folder / "services.txt").write_text(f"json://127.0.0.1:{silent.getsockname()[1]}/\n")
        run(story)
    (trouble,) = story.events("trouble", what="notify")
    assert trouble["why"] == "no service took it within 1.5 s"
