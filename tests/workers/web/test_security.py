"""Nobody without the token, from another page, or by another host gets anything."""

import socket

import pytest

from tests.review_page import Page

PATHS = [
    "/",
    "/unnamed",
    "/person/p1",
    "/missing",
    "/api/state",
    "/api/people",
    "/api/suggestions",
    "/api/clusters",
    "/api/cluster/k1",
    "/api/person/p1",
    "/api/missing",
    "/api/photo?key=2026/0.jpg",
    "/api/apply-now",
    "/image/face/0",
    "/image/reference/0",
    "/image/photo/0",
    "/image/photo?key=2026/0.jpg",
    "/static/app.js",
    "/nowhere",
]
POSTS = ["/api/answers", "/api/undo", "/api/apply-now"]


def bearer(page: Page, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {page.access.token}", **more}


@pytest.mark.parametrize("path", PATHS)
def test_without_the_token_nothing_is_served(page: Page, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": f"{page.access.cookie}=no"}):
        answer = page.ask(path, headers=headers)
        assert answer.status == 403
        assert b"Quist" not in answer.body


@pytest.mark.parametrize("path", POSTS)
def test_without_the_token_nothing_is_done(page: Page, path: str) -> None:
    same = {"Origin": f"http://127.0.0.1:{page.port}", "Sec-Fetch-Site": "same-origin"}
    assert page.ask(path, {}, headers=same).status == 403


def test_a_wrong_token_in_the_address_lets_nobody_in(page: Page) -> None:
    for token in ("", "wrong", "\u00e9", page.access.token[:-1]):
        answer = page.ask(
            f"/?token={token.encode().hex() if not token.isascii() else token}", headers={}
        )
        assert answer.status == 403
        assert "set-cookie" not in answer.headers


def test_the_token_in_the_address_gives_a_cookie_that_scripts_cannot_read(page: Page) -> None:
    answer = page.ask(f"/?token={page.access.token}", headers={})
    assert answer.status == 303
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    name = cookie.split(";")[0]
    assert page.ask("/api/state", headers={"Cookie": name}).status == 200


def test_the_token_in_another_address_lets_nobody_in(page: Page) -> None:
    assert page.ask(f"/api/state?token={page.access.token}", headers={}).status == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1", "localhost.evil:80", ""]
)
def test_another_host_gets_nothing_even_with_the_token(page: Page, host: str) -> None:
    answer = page.ask("/api/state", headers=bearer(page, Host=host))
    assert answer.status == 421
    assert b"people" not in answer.body


def test_a_request_without_a_host_gets_nothing(page: Page) -> None:
    with socket.create_connection(("127.0.0.1", page.port)) as connection:
        request = f"GET /api/state HTTP/1.0\r\nAuthorization: Bearer {page.access.token}\r\n\r\n"
        connection.sendall(request.encode())
        answer = connection.makefile("rb").read()
    assert b"people" not in answer
    assert b" 200 " not in answer.splitlines()[0]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {},
    ],
)
def test_a_post_from_another_page_does_nothing(page: Page, headers: dict[str, str]) -> None:
    cookie = {"Cookie": f"{page.access.cookie}={page.access.token}"}
    line = {"what": "dismiss", "ids": "k000000000002"}
    answer = page.ask("/api/answers", {"lines": [line]}, headers={**cookie, **headers})
    assert answer.status == 403
    assert page.get("/api/state")["answers_pending"] == 0


def test_a_post_from_the_page_itself_is_taken(page: Page) -> None:
    headers = {
        "Cookie": f"{page.access.cookie}={page.access.token}",
        "Origin": f"http://127.0.0.1:{page.port}",
        "Sec-Fetch-Site": "same-origin",
    }
    line = {"what": "dismiss", "ids": "k000000000002"}
    assert page.ask("/api/answers", {"lines": [line]}, headers=headers).status == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT"])
def test_other_methods_do_nothing(page: Page, method: str) -> None:
    assert page.ask("/api/state", method=method).status in (400, 405)


@pytest.mark.parametrize("path", ["/api/answers", "/api/undo"])
def test_an_act_is_not_done_by_a_get(page: Page, path: str) -> None:
    assert page.ask(path).status == 405


@pytest.mark.parametrize("path", [*PATHS, *POSTS])
def test_every_response_forbids_frames_and_foreign_scripts(page: Page, path: str) -> None:
    for headers in (None, {}, bearer(page, Host="evil.example")):
        answer = page.ask(path, headers=headers)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] in ("no-store", "private, no-cache")
        assert "server" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fsecurity.py",
        "/static/",
        "/static/%00",
        "/image/photo?key=../archive/archive.json",
        "/image/photo?key=/etc/passwd",
        "/image/photo?key=..%2F..%2F..%2Fetc%2Fpasswd",
        "/image/photo?key=file:///etc/passwd",
        "/image/photo?key=",
        "/image/photo",
        "/image/face/-1",
        "/image/face/99999999999999999999",
        "/image/face/18",
        "/image/reference/2",
        "/image/photo/99",
        "/image/face/0/../../../etc/passwd",
    ],
)
def test_no_file_but_the_photos_of_the_collection_is_served(page: Page, path: str) -> None:
    answer = page.ask(path)
    assert answer.status == 404
    assert b"root:" not in answer.body
    assert b"Traceback" not in answer.body


def test_a_huge_body_is_refused(page: Page) -> None:
    huge = bearer(page, **{"Content-Length": str(1 << 40)})
    assert page.ask("/api/answers", method="POST", raw=b"{}", headers=huge).status == 413
    assert page.get("/api/state")["answers_pending"] == 0


def test_a_huge_body_of_unknown_length_is_refused(page: Page) -> None:
    with socket.create_connection(("127.0.0.1", page.port)) as connection:
        head = (
            f"POST /api/answers HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\n"
            f"Authorization: Bearer {page.access.token}\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        connection.sendall(head.encode())
        block = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        try:
            for _ in range(20):
                connection.sendall(block)
        except OSError:
            pass  # it hung up
        answer = connection.makefile("rb").readline()
    assert b" 413 " in answer


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"[" * 200_000,
        b'{"lines": 1}',
        b'{"lines": []}',
        b'{"lines": [1]}',
        b'{"lines": [{"what": 1}]}',
        b'{"lines": [{"what": "name"}]}',
        b'{"lines": [{"what": "name", "ids": "nothing", "person": "A"}]}',
        b'{"lines": [{"what": "exec", "ids": "k000000000002"}]}',
        b'{"lines": [{"what": "name", "ids": "k000000000002", "__class__": "A"}]}',
        b'{"lines": [{"what": "name", "ids": "k000000000002", "person": "A\\u0000B"}]}',
        b'{"lines": [{"what": "name", "ids": "k000000000002", "person": "A\\ud800"}]}',
        b'{"lines": [{"what": "name", "ids": "k000000000002", "person": "A\\nB"}]}',
        b'{"lines": [{"what": "name", "ids": "' + b"k" * 100_000 + b'", "person": "A"}]}',
        b"\xff\xfe",
    ],
)
def test_a_body_that_is_no_act_is_refused_in_words(page: Page, body: bytes) -> None:
    answer = page.ask("/api/answers", raw=body, method="POST")
    assert answer.status == 400
    assert answer.json["error"]
    assert "Traceback" not in answer.json["error"]
    assert page.get("/api/state")["answers_pending"] == 0


@pytest.mark.parametrize(
    "query", ["limit=x", "limit=-1", "limit=1e9", "limit=%D9%A1", "offset=9" * 20]
)
def test_numbers_that_are_none_are_refused(page: Page, query: str) -> None:
    assert page.ask(f"/api/cluster/k000000000002?{query}").status == 400


def test_undo_takes_ids_and_nothing_else(page: Page) -> None:
    for body in ({"steps": "1"}, {"ids": "x"}, {"ids": [1]}, {"ids": ["../x"]}, {"ids": ["a b"]}):
        assert page.ask("/api/undo", body).status == 400
