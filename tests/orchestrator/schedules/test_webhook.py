"""The hook of a night's end: a webhook or a command, told in JSON, its own secrets kept."""

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from headcount.errors import TransientError
from headcount.settings import Settings
from orchestrator.schedules.webhook import call_hook

BODY: dict[str, object] = {"event": "night.done", "schedule": "home"}


class Receiver(BaseHTTPRequestHandler):
    """Keeps what it is sent."""

    got: list[tuple[str | None, Any]]
    status = 204

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((self.headers.get("Authorization"), json.loads(data)))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *arguments: object) -> None: ...


@pytest.fixture
def receiver() -> Iterator[HTTPServer]:
    Receiver.got, Receiver.status = [], 204
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def settings(hook: str) -> Settings:
    return Settings(hook=SecretStr(hook), hook_token=SecretStr("s3cret"))


def test_a_webhook_gets_json_and_the_token(receiver: HTTPServer) -> None:
    call_hook(settings(f"http://127.0.0.1:{receiver.server_port}/hook"), BODY)
    assert Receiver.got == [("Bearer s3cret", BODY)]


def test_a_webhook_that_refuses_is_told_of_without_its_url(receiver: HTTPServer) -> None:
    Receiver.status = 500
    with pytest.raises(TransientError) as caught:
        call_hook(settings(f"http://127.0.0.1:{receiver.server_port}/private"), BODY)
    assert "500" in str(caught.value)
    assert "private" not in str(caught.value)


def test_a_command_reads_json_from_its_standard_input(tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    script = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(sys.stdin.read())"
    call_hook(settings(f"{sys.executable} -c '{script}' {kept}"), BODY)
    assert json.loads(kept.read_text()) == BODY


def test_a_command_that_fails_is_tried_again() -> None:
    with pytest.raises(TransientError, match="exit code 3"):
        call_hook(settings(f"{sys.executable} -c 'raise SystemExit(3)'"), BODY)


def test_without_a_hook_nobody_is_told() -> None:
    call_hook(Settings(), BODY)
