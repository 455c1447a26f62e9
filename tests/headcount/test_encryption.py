"""S3 is asked to encrypt in every way that headcount writes."""

from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from pydantic import SecretStr, ValidationError

from headcount.s3_settings import S3Settings
from headcount.storage.s3.client import encryption_of
from headcount.storage.s3.store import S3Store
from headcount.tables.options import storage_options


class Bucket(BaseHTTPRequestHandler):
    """Takes every PUT and keeps its headers."""

    seen: list[dict[str, str]]

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append({name.lower(): value for name, value in self.headers.items()})
        self.send_response(200)
        self.send_header("ETag", '"e"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None: ...


def settings(**more: str) -> S3Settings:
    return S3Settings(
        access_key_id=SecretStr("k"),
        secret_access_key=SecretStr("s"),
        **more,  # type: ignore[arg-type]
    )


def test_every_write_carries_the_signed_header(tmp_path: Path) -> None:
    Bucket.seen = []
    server = HTTPServer(("127.0.0.1", 0), Bucket)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        store = S3Store(
            "bucket",
            "",
            settings(endpoint_url=f"http://127.0.0.1:{server.server_port}", sse="AES256"),
        )
        (tmp_path / "f").write_bytes(b"file")
        store.put("a", b"data")
        assert store.put_new("b", b"data")
        store.put_file("c", tmp_path / "f")
    finally:
        server.shutdown()
        server.server_close()
    assert [seen["x-amz-server-side-encryption"] for seen in Bucket.seen] == ["AES256"] * 3
    for seen in Bucket.seen:
        assert "x-amz-server-side-encryption" in seen["authorization"]
    assert Bucket.seen[1]["if-none-match"] == "*"


def test_a_key_of_kms_goes_to_store_and_tables() -> None:
    kms = settings(sse="aws:kms", sse_kms_key="alias/faces")
    encryption = encryption_of(kms)
    assert encryption is not None
    assert encryption.headers()["X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"] == "alias/faces"
    options = storage_options("s3://b/", kms)
    assert options["aws_server_side_encryption"] == "aws:kms"
    assert options["aws_sse_kms_key_id"] == "alias/faces"
    assert encryption_of(settings()) is None
    assert "aws_server_side_encryption" not in storage_options("s3://b/", settings())


@pytest.mark.parametrize("wrong", [{"sse": "aws:kms"}, {"sse": "rot13"}, {"sse_kms_key": "k"}])
def test_half_a_setting_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        settings(**wrong)
