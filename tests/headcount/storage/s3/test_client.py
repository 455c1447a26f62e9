import ast
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from pydantic import SecretStr

from headcount.errors import TransientError
from headcount.s3_settings import S3Settings
from headcount.storage import s3
from headcount.storage.s3 import store as s3_store
from headcount.storage.s3.store import S3Store


class Bucket(BaseHTTPRequestHandler):
    """Gives each PUT the next of its answers, and keeps the headers."""

    answers: list[int]
    conditions: list[str | None]

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.conditions.append(self.headers["If-None-Match"])
        self.send_response(self.answers.pop(0))
        self.send_header("ETag", '"e"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None: ...


@pytest.fixture
def store() -> Iterator[S3Store]:
    server = HTTPServer(("127.0.0.1", 0), Bucket)
    Thread(target=server.serve_forever, daemon=True).start()
    Bucket.conditions = []
    secret = SecretStr("secret")
    endpoint = f"http://127.0.0.1:{server.server_port}"
    settings = S3Settings(access_key_id=secret, secret_access_key=secret, endpoint_url=endpoint)
    yield S3Store("bucket", "", settings)
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("answer", "written"), [(200, True), (412, False)])
def test_an_object_is_created_only_where_there_is_none(
    store: S3Store, answer: int, written: bool
) -> None:
    Bucket.answers = [answer]
    assert store.put_new("key", b"data") is written
    assert Bucket.conditions == ["*"]


def test_a_conflict_of_two_writers_is_tried_again(
    store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_store, "CONFLICT_PAUSES", (0.001, 0.001, 0.0))
    Bucket.answers = [409, 409, 200]
    assert store.put_new("key", b"data")
    assert Bucket.conditions == ["*"] * 3


def test_a_creation_that_fails_is_not_repeated_and_a_plain_write_is(store: S3Store) -> None:
    Bucket.answers = [503, 200]
    with pytest.raises(TransientError):
        store.put_new("key", b"data")
    assert Bucket.answers == [200]
    Bucket.answers = [503, 200]
    store.put("key", b"data")
    assert Bucket.answers == []
    assert Bucket.conditions == ["*", None, None]


def test_nothing_large_is_created_in_parts(store: S3Store) -> None:
    Bucket.answers = [200]
    assert store.put_new("key", bytes(s3_store.PART_BYTES + 1))
    assert Bucket.conditions == ["*"]


def test_no_private_name_of_a_library_is_used() -> None:
    foreign = []
    for path in sorted(Path(s3.__path__[0]).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            private = (
                isinstance(node, ast.Attribute)
                and node.attr.startswith("_")
                and node.attr[-2:] != "__"
            )
            if private and ast.unparse(node.value) not in ("self", "super()"):
                foreign.append(f"{path.name}: {ast.unparse(node)}")
    assert foreign == []
