"""What only S3 has to cope with, against a real server."""

from __future__ import annotations

import io
import itertools
import logging
import secrets
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from pydantic import SecretStr, ValidationError

from headcount.errors import (
    FatalError,
    ObjectDenied,
    ObjectError,
    ObjectMissing,
    ObjectTooLarge,
    TransientError,
)
from headcount.s3_settings import S3Settings
from headcount.storage import open_store
from headcount.storage.s3.store import S3Store
from tests.faulty_proxy import FaultyProxy
from tests.servers import S3Server, free_ports

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def bucket(s3: S3Server) -> str:
    return s3.make_bucket()


@pytest.fixture
def store(s3: S3Server, bucket: str) -> S3Store:
    return S3Store(bucket, f"{secrets.token_hex(4)}/", s3.settings())


def test_a_store_is_found_by_the_standard_environment(
    s3: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.env().items():
        monkeypatch.setenv(name, value)
    store = open_store(f"s3://{bucket}/by env")
    store.check()
    store.put("key", b"x")
    assert store.uri == f"s3://{bucket}/by env/"
    assert store.get("key").data == b"x"


def test_stores_see_only_what_lies_below_their_prefix(s3: S3Server, bucket: str) -> None:
    for key in ("pre/a", "pre/b", "prefix/c", "other"):
        s3.client().put_object(bucket, key, io.BytesIO(b"x"), 1)
    store = S3Store(bucket, "pre/", s3.settings())
    assert [info.key for info in store.list()] == ["a", "b"]


def test_folder_markers_are_no_objects(s3: S3Server, store: S3Store) -> None:
    store.put("album/photo.jpg", b"x")
    bucket, _, prefix = store.uri.removeprefix("s3://").partition("/")
    s3.client().put_object(bucket, prefix + "empty/", io.BytesIO(b""), 0)
    assert [info.key for info in store.list()] == ["album/photo.jpg"]


def test_a_bucket_that_is_not_there_is_named(s3: S3Server) -> None:
    store = S3Store("no-such-bucket", "", s3.settings())
    for call in (store.check, lambda: next(store.list()), lambda: store.get("key")):
        with pytest.raises(FatalError, match=f"no bucket no-such-bucket at {s3.endpoint}"):
            call()


def test_a_bucket_name_that_cannot_be_is_refused(s3: S3Server) -> None:
    with pytest.raises(FatalError):
        S3Store("x", "", s3.settings()).check()


@pytest.mark.parametrize("wrong", ["access_key_id", "secret_access_key"])
def test_wrong_keys_are_said_to_be_wrong_and_never_shown(
    s3: S3Server, bucket: str, wrong: str
) -> None:
    store = S3Store(bucket, "", s3.settings(**{wrong: "WRONGWRONGWRONG"}))
    calls = (
        store.check,
        lambda: store.get("key"),
        lambda: store.stat("key"),
        lambda: store.put("key", b""),
        lambda: store.put_new("key", b""),
        lambda: list(store.list()),
    )
    for call in calls:
        with pytest.raises(FatalError, match="AWS_ACCESS_KEY_ID") as refused:
            call()
        for secret in (s3.secret_key, "WRONGWRONGWRONG"):
            assert secret not in str(refused.value)


def test_without_keys_access_is_anonymous_and_denied(
    s3: S3Server, bucket: str, store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    store.put("key", b"x")
    anonymous = S3Store(bucket, "", s3.settings(access_key_id=None, secret_access_key=None))
    with pytest.raises(FatalError, match="denied"):
        anonymous.check()
    for read in (anonymous.get, anonymous.stat):
        with pytest.raises(ObjectDenied):
            read("key")
    with pytest.raises(FatalError, match="right to write"):
        anonymous.put("key", b"")


def test_keys_are_found_in_the_profile_file(
    s3: S3Server,
    bucket: str,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path_factory.mktemp("aws") / "credentials"
    file.write_text(
        f"[tests]\naws_access_key_id={s3.access_key}\naws_secret_access_key={s3.secret_key}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_PROFILE", "tests")
    S3Store(bucket, "", s3.settings(access_key_id=None, secret_access_key=None)).check()


def test_half_a_pair_of_keys_is_fatal(s3: S3Server, bucket: str) -> None:
    with pytest.raises(FatalError, match="set both"):
        S3Store(bucket, "", s3.settings(secret_access_key=None))


@pytest.mark.parametrize(
    "endpoint", ["localhost:9000", "ftp://x", "http://host/path", "http://host:port"]
)
def test_an_endpoint_that_is_no_url_is_refused(s3: S3Server, endpoint: str) -> None:
    with pytest.raises(ValidationError, match="an endpoint is http://host:port"):
        s3.settings(endpoint_url=endpoint)


def test_an_endpoint_that_does_not_answer_is_fatal_at_check_and_transient_later() -> None:
    endpoint = f"http://127.0.0.1:{free_ports(1)[0]}"
    key = SecretStr("key")
    settings = S3Settings(
        access_key_id=key,
        secret_access_key=key,
        session_token=None,
        region="us-east-1",
        endpoint_url=endpoint,
    )
    store = S3Store("bucket", "", settings)
    with pytest.raises(FatalError, match=f"does not answer at {endpoint}"):
        store.check()
    for call in (
        lambda: store.get("key"),
        lambda: store.put_new("key", b""),
        lambda: next(store.list()),
    ):
        with pytest.raises(TransientError):
            call()


def test_keys_no_client_can_ask_for_are_errors_of_that_object(store: S3Store) -> None:
    with pytest.raises(ObjectError, match="cannot be fetched"):
        store.get("a/../b.jpg")


def test_an_object_over_the_limit_is_refused_without_its_body(store: S3Store) -> None:
    store.put("large", bytes(8 << 20))
    for _ in range(40):
        with pytest.raises(ObjectTooLarge):
            store.get("large", limit=1 << 20)
    assert len(store.get("large").data) == 8 << 20


def test_no_secret_is_logged(
    store: S3Store, s3: S3Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    store.put("key", b"x")
    store.put_new("new", b"x")
    assert store.get("key").data == b"x"
    assert s3.secret_key not in caplog.text


@contextmanager
def answering(answer: bytes) -> Iterator[S3Settings]:
    """A server that gives every request the same raw answer and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield S3Settings(
            access_key_id=SecretStr("key"),
            secret_access_key=SecretStr("secret"),
            session_token=None,
            region="us-east-1",
            endpoint_url=f"http://127.0.0.1:{server.getsockname()[1]}",
        )
        server.shutdown(socket.SHUT_RDWR)


def test_a_body_that_is_cut_off_is_transient() -> None:
    head = b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\nETag: "x"\r\n\r\n'
    with answering(head + b"only this") as settings:
        store = S3Store("bucket", "", settings)
        for limit in (None, 1000):
            with pytest.raises(TransientError):
                store.get("key", limit=limit)
        with pytest.raises(TransientError):
            store.get_range("key", 0, 100)


@pytest.mark.parametrize("broken", [1, 2])
def test_an_answer_that_breaks_off_is_asked_for_again(s3: S3Server, broken: int) -> None:
    bucket = s3.make_bucket()
    S3Store(bucket, "", s3.settings()).put("key", b"0123456789")
    cuts = itertools.cycle(["cut"] * broken + ["fine"])
    with FaultyProxy(s3.endpoint, lambda *_: next(cuts)).running() as proxy:
        store = S3Store(bucket, "", s3.settings(endpoint_url=proxy.endpoint))
        assert store.get("key").data == b"0123456789"
        assert store.get("key", limit=10).data == b"0123456789"
        assert store.get_range("key", 2, 5) == b"23456"
    assert proxy.suffered == {"cut": 3 * broken, "fine": 3}


def test_a_body_of_unknown_length_is_bounded_all_the_same() -> None:
    with answering(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000) as settings:
        store = S3Store("bucket", "", settings)
        assert len(store.get("key", limit=5000).data) == 5000
        with pytest.raises(ObjectTooLarge):
            store.get("key", limit=4999)


@pytest.mark.parametrize("status", [b"500 Oops", b"503 Slow Down", b"429 Too Many"])
def test_a_server_in_trouble_is_transient(status: bytes) -> None:
    with answering(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n") as settings:
        store = S3Store("bucket", "", settings)
        for call in (
            lambda: store.get("key"),
            lambda: store.stat("key"),
            lambda: store.put("key", b"x"),
            lambda: store.put_new("key", b"x"),
            lambda: next(store.list()),
        ):
            with pytest.raises(TransientError):
                call()


def test_a_missing_object_without_words_is_missing() -> None:
    with answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as settings:
        store = S3Store("bucket", "", settings)
        with pytest.raises(ObjectMissing):
            store.stat("key")


def test_a_server_that_lists_out_of_order_is_not_trusted() -> None:
    entry = "<Contents><Key>{}</Key><Size>1</Size></Contents>"
    body = "<ListBucketResult><Name>bucket</Name>" + entry.format("b") + entry.format("a")
    body += "<IsTruncated>false</IsTruncated></ListBucketResult>"
    head = f"HTTP/1.1 200 OK\r\nServer: AmazonS3\r\nContent-Length: {len(body)}\r\n\r\n"
    with answering((head + body).encode()) as settings:
        listing = S3Store("bucket", "", settings).list()
        with pytest.raises(FatalError, match="out of order"):
            list(listing)


def test_servers_known_to_list_in_order_are_asked_without_folders(
    store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """These names sort alike by folder and by key, so SeaweedFS can stand in for AWS."""
    monkeypatch.setattr("headcount.storage.s3.listing.LISTS_IN_ORDER", ("SeaweedFS",))
    wanted = [f"{n % 10}/{n:04}" for n in range(2500)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda key: store.put(key, b""), wanted))
    wanted.sort()
    assert [info.key for info in store.list()] == wanted
    after = [info.key for info in store.list(start_after="3/0503")]
    assert after == [key for key in wanted if key > "3/0503"]
