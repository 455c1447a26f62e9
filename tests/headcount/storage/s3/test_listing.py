"""Listings of a made-up server: it sorts folders by their names, and gives small pages."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from headcount.s3_settings import S3Settings
from headcount.storage.s3 import listing
from headcount.storage.s3.store import S3Store

PAGE = 3


class Server(BaseHTTPRequestHandler):
    """Lists KEYS as SeaweedFS does: by name, a folder without its slash, so many a page."""

    keys: tuple[str, ...] = ()
    asked = 0
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        type(self).asked += 1
        query = {name: value[0] for name, value in parse_qs(urlsplit(self.path).query).items()}
        prefix, flat = query.get("prefix", ""), "delimiter" not in query
        after = query.get("continuation-token", query.get("start-after", ""))
        below = [key for key in self.keys if key.startswith(prefix)]
        cut = (key.removeprefix(prefix).partition("/") for key in below)
        names = below if flat else [prefix + name + slash for name, slash, _ in cut]
        names = sorted(set(names), key=lambda name: name.removesuffix("/"))
        names = [name for name in names if name.removesuffix("/") > after.removesuffix("/")]
        page, more = names[:PAGE], len(names) > PAGE
        files = (f"<Contents><Key>{n}</Key><Size>1</Size></Contents>" for n in page if n[-1] != "/")
        folders = (f"<Prefix>{name}</Prefix>" for name in page if name[-1] == "/")
        body = "".join(
            (
                "<ListBucketResult><Name>bucket</Name>",
                *files,
                *(f"<CommonPrefixes>{folder}</CommonPrefixes>" for folder in folders),
                f"<IsTruncated>{str(more).lower()}</IsTruncated>",
                f"<NextContinuationToken>{page[-1]}</NextContinuationToken>" if more else "",
                "</ListBucketResult>",
            )
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None: ...


@pytest.fixture
def store() -> Iterator[S3Store]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    Thread(target=server.serve_forever, daemon=True).start()
    secret = SecretStr("secret")
    endpoint = f"http://127.0.0.1:{server.server_port}"
    settings = S3Settings(access_key_id=secret, secret_access_key=secret, endpoint_url=endpoint)
    Server.asked = 0
    yield S3Store("bucket", "", settings)
    server.shutdown()
    server.server_close()


KEYS = ("a-b", "a.jpg", "a/1", "a/2", "a/3", "a/4", "a0", "b!", "b/c/d", "b/c!", "b0", "c", "d/e")


def test_keys_come_in_byte_order_from_a_server_that_sorts_folders_by_name(store: S3Store) -> None:
    Server.keys = KEYS
    assert [info.key for info in store.list()] == sorted(KEYS)
    assert [info.key for info in store.list(start_after="a/2")] == [
        key for key in sorted(KEYS) if key > "a/2"
    ]
    assert list(store.folders()) == ["a", "b", "d"]
    assert list(store.folders("b/")) == ["c"]


def test_a_listing_is_a_stream_of_pages(store: S3Store) -> None:
    Server.keys = tuple(f"{number:04}" for number in range(300 * PAGE))
    assert [info.key for info in islice(store.list(), 2 * PAGE)] == list(Server.keys[: 2 * PAGE])
    assert Server.asked < 6


def test_one_page_is_enough_to_check_a_bucket(store: S3Store) -> None:
    Server.keys = tuple(f"{number:04}" for number in range(10 * PAGE))
    store.check()
    assert Server.asked == 1


def test_a_server_known_for_its_order_is_asked_for_all_folders_at_once(
    store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "LISTS_IN_ORDER", ("BaseHTTP",))
    Server.keys = ("a/1", "b/2", "c/3")
    assert [info.key for info in store.list()] == ["a/1", "b/2", "c/3"]
    assert Server.asked == 1
