"""The page as a user has it: `headcount review` over a real run, its child, and a real rematch."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest

from headcount import audit
from headcount.answers.kept import holding, read_answers
from headcount.storage import Store, open_store
from tests.browser import PROGRAM, chromium
from tests.clusters import until
from tests.running import headcount, start

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("crew")]

NAME = "Carl Ix"


class Page:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.address = (process.stdout.readline() if process.stdout else "").strip()
        parts = urlsplit(self.address)
        self.host, self.port = parts.hostname or "", parts.port or 0
        self.token = parse_qs(parts.query)["token"][0]

    def ask(self, path: str, body: object = None) -> Any:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        headers = {"Authorization": f"Bearer {self.token}"}
        data = None if body is None else json.dumps(body)
        connection.request("GET" if body is None else "POST", path, data, headers)
        answer = connection.getresponse()
        found = json.loads(answer.read())
        assert answer.status == 200, found
        return found

    def say(self, **line: str) -> Any:
        return self.ask("/api/answers", {"lines": [line], "sure": True})


@contextmanager
def review(*arguments: str, **extra: str) -> Iterator[Page]:
    process = start("review", *arguments, "--no-browser", **extra)
    try:
        yield Page(process)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


@pytest.fixture(scope="module")
def first(crew: None, samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("review") / "out"
    ended = headcount(
        *("run", str(samples / "photos"), "--people", str(samples / "people")),
        *("--expected", str(samples / "expected.csv"), "--out", str(folder), "--annotate", "0"),
    )
    assert ended.returncode == 0, ended.stderr
    return folder


@pytest.fixture
def out(first: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(first, tmp_path / "out"))


def store_of(out: Path) -> Store:
    return open_store(str(out / "archive"))


def actions(out: Path) -> list[str]:
    return [line.action for line in audit.read(store_of(out))]


def test_an_act_is_recorded_audited_taken_back_and_applied(out: Path) -> None:
    with review(str(out), "--by", "Rosa") as page:
        assert page.address.startswith("http://127.0.0.1:")
        until(lambda: not page.ask("/api/state")["loading"])
        before = page.ask("/api/state")
        [cluster] = page.ask("/api/clusters")
        ids = cluster["cluster_id"]
        assert page.say(what="name", ids=ids, person=NAME)["faces_named"] == cluster["size"]
        assert page.say(what="name", ids=ids, person=NAME)["repeats"] == 1
        page.ask("/api/undo", {"steps": 1})
        after = page.ask("/api/state")
        assert {**after, "version": before["version"]} == before
        page.say(what="name", ids=ids, person=NAME)
        page.ask("/api/apply-now", {})
        until(lambda: not page.ask("/api/apply-now")["running"])
        applied = page.ask("/api/apply-now")
        assert applied["error"] is None
        effect = applied["effect"]
        assert effect["faces_named_before"] == before["named_faces"]
        assert effect["faces_named_after"] >= before["named_faces"] + cluster["size"]
        state = page.ask("/api/state")
        assert state["answers_pending"] == 0
        assert state["named_faces"] == applied["effect"]["faces_named_after"]
        assert [one["person"] for one in page.ask("/api/people?q=carl")] == [NAME]
        assert page.ask("/api/undo", {"steps": 1})["state"]["people"] == before["people"]
        assert page.ask("/api/people?q=carl") == []
        until(lambda: page.ask("/api/suggestions?sheet=1") or page.ask("/api/suggestions"))
        asked = page.ask("/api/suggestions?sheet=1&limit=50")
        assert NAME not in [one["person"]["person"] for one in asked]
    said = [(one.what, one.by) for one in read_answers(store_of(out))]
    assert said == [("name", "Rosa"), ("undo", "Rosa")] * 2
    assert [one for one in actions(out) if one in ("review", "name", "undo")] == [
        "review",
        "name",
        "undo",
        "name",
        "undo",
    ]


def test_who_looks_at_a_person_is_in_the_audit_log(out: Path) -> None:
    with review(str(out)) as page:
        [one] = page.ask("/api/people")
        connection = http.client.HTTPConnection(page.host, page.port)
        headers = {"Authorization": f"Bearer {page.token}"}
        connection.request("GET", f"/person/{one['person_id']}", None, headers)
        assert connection.getresponse().status == 200
        until(lambda: actions(out).count("review") == 2)
    subjects = [line.subject for line in audit.read(store_of(out)) if line.action == "review"]
    assert subjects == ["archive", one["person_id"]]


def test_two_pages_see_each_others_answers(out: Path) -> None:
    with review(str(out)) as one, review(str(out)) as other:
        [cluster] = one.ask("/api/clusters")
        one.say(what="name", ids=cluster["cluster_id"], person=NAME)
        until(lambda: other.ask("/api/people?q=carl"))
        other.say(what="name", ids=cluster["cluster_id"], person="Dora Ypsilon")
        until(lambda: one.ask("/api/people?q=dora"))
        assert one.ask("/api/people?q=carl") == []


def test_a_box_drawn_by_hand_is_a_face_after_the_next_matching(out: Path, samples: Path) -> None:
    with review(str(out)) as page:
        box = "620 90 90 110"
        page.say(what="face", photo="table.jpg", box=box, person="Barack Obama")
        assert page.ask("/api/missing") == []
        page.ask("/api/apply-now", {})
        until(lambda: not page.ask("/api/apply-now")["running"])
        assert page.ask("/api/apply-now")["error"] is None
        faces = page.ask("/api/photo?key=table.jpg")["faces"]
    assert [face["person"] for face in faces if face["by_hand"]] == ["Barack Obama"]


def test_the_pages_end_with_the_command_however_it_ends(out: Path) -> None:
    process = start("review", str(out), "--no-browser")
    page = Page(process)
    [child] = psutil.Process(process.pid).children()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 20)
    with pytest.raises(OSError, match="refused"):
        page.ask("/api/state")


def test_the_token_is_printed_and_logged_nowhere_else(out: Path) -> None:
    process = start("review", str(out), "--no-browser", HEADCOUNT_LOG_LEVEL="DEBUG")
    page = Page(process)
    page.ask("/api/state")
    connection = http.client.HTTPConnection(page.host, page.port)
    connection.request("GET", f"/?token={page.token}")
    assert connection.getresponse().status == 303
    time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    more, err = process.communicate(timeout=60)
    assert page.token not in more + err
    stored = [store_of(out).get(info.key).data for info in store_of(out).list("audit/")]
    assert not any(page.token.encode() in data for data in stored)


def test_an_open_port_without_tls_is_refused(out: Path) -> None:
    for more in (("--host", "::"), ("--host", "192.0.2.1"), ("--name", "photos.example")):
        ended = headcount("review", str(out), "--no-browser", *more)
        assert ended.returncode == 2
        assert "--tls-cert" in ended.stderr


def test_without_an_archive_it_says_so(tmp_path: Path) -> None:
    ended = headcount("review", str(tmp_path), "--no-browser")
    assert ended.returncode == 2
    assert "no archive" in ended.stderr


@pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium")
def test_what_is_named_by_keyboard_is_recorded_and_taken_back(out: Path, tmp_path: Path) -> None:
    with review(str(out)) as server, chromium(tmp_path / "profile") as browser:
        page = browser.page()
        page.send("Log.enable")
        until(lambda: not server.ask("/api/state")["loading"])
        before = server.ask("/api/state")
        page.visit(server.address)
        page.visit(f"http://{server.host}:{server.port}/unnamed")
        until(lambda: page.run("document.activeElement.matches('main input')"))
        page.press_all("Zelda Quist")
        page.press("Enter")
        until(lambda: server.ask("/api/state")["undoable"] == 1)
        [answer] = holding(read_answers(store_of(out)))
        assert (answer.what, answer.person) == ("name", "Zelda Quist")
        assert answer.cluster is not None
        until(lambda: page.run("document.querySelector('.told').innerText.includes('Zelda')"))
        page.press("Alt+z")
        until(lambda: server.ask("/api/state")["undoable"] == 0)
        assert holding(read_answers(store_of(out))) == []
        after = server.ask("/api/state")
        assert {**after, "version": before["version"]} == before
        assert page.logged() == []


def test_a_check_is_judged_signed_and_told_with_its_job_alone(first: Path, out: Path) -> None:
    """The job's results are where it wrote them; the archive is a copy."""
    with review(str(out), "--check", "5", "--seed", "3", "--by", "Rosa") as page:
        state = page.ask("/api/check")
        assert state["check"]["total"] > 0
        while item := state["item"]:
            state = page.ask("/api/check", {"number": item["number"], "verdict": "right"})
        assert page.ask("/api/check", {"sign": True})["told"] == [
            "summary.json",
            "report/index.html",
        ]
        until(lambda: "check" in actions(out))
    summary = json.loads((first / "summary.json").read_text())
    [signed] = summary["checked"]["signed"]
    assert (signed["by"], signed["seed"], signed["names"]["wrong"]) == ("Rosa", 3, 0)
    assert "judged by Rosa" in (first / "report/index.html").read_text()
    archive = f"--archive={out / 'archive'}"
    for told in (headcount("results", archive), headcount("status", summary["job_id"], archive)):
        assert "wrong names 0 of " in told.stdout
    assert headcount("rematch", archive).returncode == 0
    told = headcount("results", archive).stdout
    assert "nobody has checked this job" in told
    assert "wrong names" not in told
    assert headcount("verify", archive).returncode == 0
