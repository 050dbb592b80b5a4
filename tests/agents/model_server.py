"""A model that follows a script, behind the APIs of the real providers, on the loopback of this machine alone.

    python -m tests.agents.model_server --script FILE.json [--port N] [--log FILE]

prints the address to give to an agent. `http://127.0.0.1:PORT/run/<name>/…` takes the steps of what was given to `play`
under that name (by hand: of the one script, with a count of its own for each name). A request that offers no tool to
run commands with (a title, a summary, a probe) takes no step and gets one word, which costs nothing.
"""

import argparse
import contextlib
import gzip
import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.agents import model_tools
from tests.agents.model_apis import Answer, Api, Event, api_of
from tests.agents.model_script import Script, ScriptError, Turns, Usage, load
from tests.agents.model_tools import Json

__all__ = ["ModelServer", "Request", "serving"]

LARGEST = 64 * 1024 * 1024
"""Bytes of a request that are read."""
MODELS: Json = {
    "object": "list",
    "data": [{"id": "scripted", "object": "model", "type": "model", "display_name": "scripted", "created": 0}],
    "models": [],
    "has_more": False,
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request, without its headers: there are keys in them."""

    run: str
    path: str
    api: str
    model: str
    step: int | None
    """The index of the step that it took; None where it took none."""
    watched: tuple[str, ...] = ()
    """Of the texts that the script watches for, those that it had."""


class Failed(NamedTuple):
    """What the model answers a request with that it does not understand."""

    status: int
    words: str


class ModelServer(ThreadingHTTPServer):
    """Serves on 127.0.0.1 until it is closed. `otherwise` is followed by every name that nothing was given to."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int = 0, otherwise: Script | None = None, log: Path | None = None) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self._otherwise = otherwise
        self._log = log
        self._lock = threading.Lock()
        self._turns: dict[str, Turns] = {}
        self._requests: list[Request] = []
        self.faults: list[str] = []
        """What went wrong in the server itself."""

    def server_bind(self) -> None:
        """As `TCPServer` does; `HTTPServer` asks the name service what 127.0.0.1 is called, and waits for it."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def play(self, name: str, script: Script) -> str:
        """Has the run `name` follow `script` from its first step; returns the address for it."""
        with self._lock:
            self._turns[name] = Turns(script)
        return self.url(name)

    def url(self, name: str) -> str:
        """Where the run `name` is served, without a slash at the end."""
        return f"http://127.0.0.1:{self.server_address[1]}/run/{name}"

    def requests(self, name: str) -> list[Request]:
        """What was asked of the run `name` so far, in order."""
        with self._lock:
            return [request for request in self._requests if request.run == name]

    def turns(self, name: str) -> Turns | None:
        """The script of the run `name`, as far as it has been taken."""
        with self._lock:
            if name not in self._turns and self._otherwise is not None:
                self._turns[name] = Turns(self._otherwise)
            return self._turns.get(name)

    def record(self, request: Request) -> None:
        """Remembers `request`, and writes it to the log as a line."""
        with self._lock:
            self._requests.append(request)
            if self._log is not None:
                with self._log.open("a") as file:
                    file.write(json.dumps({"at": round(time.time(), 3), **asdict(request)}) + "\n")

    def handle_error(self, request: object, client_address: object) -> None:
        """An agent that was killed is gone in the middle; anything else is a fault of ours."""
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError | TimeoutError):
            self.faults.append(repr(error))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 600.0
    server: ModelServer

    def log_message(self, format: str, *args: object) -> None:
        """Prints nothing."""

    def do_HEAD(self) -> None:
        self._reply(200, {})

    def do_GET(self) -> None:
        route = urlsplit(self.path).path
        if route.endswith("/models"):
            self._reply(200, MODELS)
        else:
            self._reply(404, {"error": {"message": f"there is no {route} here", "type": "not_found_error"}})

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        found = re.fullmatch(r"/run/([\w.~-]+)(/.*)", path)
        name, route = found.groups() if found else ("", path)
        asked = self._body()
        if isinstance(asked, Failed):
            self._reply(asked.status, {"error": {"message": asked.words, "type": "invalid_request_error"}})
            return
        text, body = asked
        if re.search(r"/count_tokens$|:countTokens$", route):
            self._reply(200, {"input_tokens": 1000, "totalTokens": 1000})
            return
        api, turns = api_of(route), self.server.turns(name)
        if api is None or turns is None:
            self._reply(404, {"error": {"message": f"there is no {path} here", "type": "not_found_error"}})
            return
        self._answer(api, turns, Asked(name, route, text, body))

    def _answer(self, api: Api, turns: Turns, asked: "Asked") -> None:
        tool = model_tools.shell(asked.body)
        watched = turns.watched(asked.text)
        if tool is None:
            self.server.record(Request(asked.run, asked.route, api.name, asked.model, None, watched))
            self._say(api, asked, Answer("{}" if asked.wants_json else "ok", None, Usage(0, 0)))
            return
        index, step = turns.take(asked.text)
        self.server.record(Request(asked.run, asked.route, api.name, asked.model, index, watched))
        if step.delay:
            time.sleep(step.delay)
        if step.error:
            self._reply(step.error, api.error(step.error, step.message), step.headers)
            return
        call = model_tools.call(tool, step.shell) if step.shell else None
        text = step.say or ("" if call else "Done.")
        self._say(api, asked, Answer(text, call, turns.usage(step)), cut=step.cut)

    def _say(self, api: Api, asked: "Asked", answer: Answer, cut: bool = False) -> None:
        if asked.streams:
            self._stream(list(api.events(asked.body, answer)), cut)
        elif cut:
            self._cut(json.dumps(api.whole(asked.body, answer)).encode())
        else:
            self._reply(200, api.whole(asked.body, answer))

    # ── bytes ───────────────────────────────────────────────────────────────────────────────────────────────

    def _body(self) -> tuple[str, Json] | Failed:
        """The request as text and as JSON, whatever it is packed in."""
        try:
            raw = self._chunks() if self.headers.get("transfer-encoding", "").lower() == "chunked" else self._counted()
            if self.headers.get("content-encoding", "") == "gzip":
                raw = gzip.decompress(raw)
            body = json.loads(raw or b"{}")
        except (ValueError, EOFError, gzip.BadGzipFile) as error:
            self.close_connection = True
            return Failed(400, f"a request that cannot be read: {error}")
        if not isinstance(body, dict):
            return Failed(400, "a request that is no JSON object")
        return json.dumps(body), body

    def _counted(self) -> bytes:
        length = int(self.headers.get("content-length") or 0)
        if length > LARGEST:
            raise ValueError(f"{length} bytes")
        return self.rfile.read(length)

    def _chunks(self) -> bytes:
        raw = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            raw += self.rfile.read(size)
            self.rfile.readline()
            if len(raw) > LARGEST:
                raise ValueError("more than there may be")
        self.rfile.readline()
        return raw

    def _reply(self, status: int, said: Json, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _stream(self, events: list[Event], cut: bool) -> None:
        """Sends `events`; where it is to be `cut`, half of them and half of one more."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("cache-control", "no-cache")
        self.send_header("connection", "close")
        self.end_headers()
        until = len(events) // 2 if cut else len(events)
        for event in events[:until]:
            self.wfile.write(event.as_bytes())
            self.wfile.flush()
        if cut:
            half = events[until].as_bytes()
            self.wfile.write(half[: len(half) // 2])

    def _cut(self, data: bytes) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to the model."""

    run: str
    route: str
    text: str
    body: Json

    @property
    def model(self) -> str:
        """As the body names it, or the path."""
        named = re.search(r"/models/([^/:]+):", self.route)
        return str(self.body.get("model") or (named[1] if named else ""))

    @property
    def streams(self) -> bool:
        return bool(self.body.get("stream")) or ":streamGenerateContent" in self.route

    @property
    def wants_json(self) -> bool:
        wanted = self.body.get("generationConfig")
        return isinstance(wanted, dict) and wanted.get("responseMimeType") == "application/json"


@contextlib.contextmanager
def serving(port: int = 0, otherwise: Script | None = None, log: Path | None = None) -> Iterator[ModelServer]:
    """A server in a thread of its own, for as long as the block lasts; raises OSError where the port is taken."""
    with ModelServer(port, otherwise, log) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(10)


def main(arguments: list[str]) -> int:
    """Serves one script until it is interrupted; returns an exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.agents.model_server", description=__doc__)
    parser.add_argument("--script", type=Path, required=True, help="a script as JSON")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes any that is free")
    parser.add_argument("--log", type=Path, help="a file that gets a line of JSON for each request")
    chosen = parser.parse_args(arguments)
    try:
        with serving(chosen.port, load(chosen.script), chosen.log) as server:
            print(f"{server.url('agent')} follows {chosen.script}; end it by Ctrl-C", flush=True)
            threading.Event().wait()
    except (ScriptError, OSError) as error:
        print(f"model_server: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
