"""A made-up review server: the page's requests answered from memory, for tests of the page itself.

It follows the contract of `workers/web`: the answers are replayed at each request, so that taking
one back leaves no trace.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from jinja2 import Environment, FileSystemLoader
from PIL import Image, ImageDraw
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

import workers

WEB = Path(workers.__file__).parent / "web"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
WIDTH, HEIGHT = 900, 600
HOSTILE = (
    "<img src=x onerror=document.title='broken'>",
    "</script><script>document.title='broken'</script>",
    "עדה \u202e<b>Lovelace</b>",
    "Line\nbreak \N{RIGHT-TO-LEFT MARK}& 'quotes\"",
    "X" * 400,
)
Json = dict[str, Any]


@dataclass
class Made:
    """An archive of made-up faces: rows by cluster and by person, and all answers."""

    clusters: dict[str, list[int]]
    people: dict[str, list[int]]
    suggested: list[tuple[str, str]] = field(default_factory=list)
    """Clusters and the people that they may be."""
    missing: list[tuple[str, str, int | None]] = field(default_factory=list)
    """People, the photo in which they are missing, and the row of the nearest face there."""
    answers: list[tuple[str, Json]] = field(default_factory=list)
    steps: list[list[str]] = field(default_factory=list)
    version: int = 0
    slow: float = 0.0
    """Seconds that recording takes."""
    likely: float = 0.87
    """The probability of each suggestion."""
    asks_who: bool = False
    """Whether clusters are asked about without a person, once nothing is suggested."""
    said: int = 0
    applied: int = 0

    # -- what holds now ---------------------------------------------------------------------------

    @property
    def lines(self) -> list[Json]:
        return [line for _, line in self.answers]

    def ids(self, line: Json) -> list[str]:
        return [one for one in line["ids"].split() if one != "|"]

    def rows(self, line: Json, clusters: dict[str, list[int]]) -> list[int]:
        found: list[int] = []
        for one in self.ids(line):
            found += clusters.get(one, []) if one in clusters else [int(one.removeprefix("f"))]
        return found

    def now(self) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
        """Unnamed clusters, and people's faces, once all answers are replayed."""
        clusters = {key: list(rows) for key, rows in self.clusters.items()}
        people = {name: list(rows) for name, rows in self.people.items()}
        whole = {key: list(rows) for key, rows in clusters.items()}
        for line in self.lines:
            what = line["what"]
            if what == "rename":
                people.setdefault(line["person"], []).extend(people.pop(self.name(line["ids"])))
                continue
            if what in ("accept_absent", "face", "reference", "no_reference"):
                continue
            rows = self.rows(line, whole)
            if what == "same":
                clusters[self.ids(line)[0]] = rows
                whole[self.ids(line)[0]] = rows
                del clusters[self.ids(line)[1]]
            if what in ("name", "dismiss", "not_a_face"):
                clusters = {k: [r for r in v if r not in rows] for k, v in clusters.items()}
            if what == "name":
                people.setdefault(self.name(line["person"]), []).extend(rows)
            if what == "not":
                name = self.name(line["person"])
                people[name] = [row for row in people.get(name, []) if row not in rows]
        return {key: rows for key, rows in clusters.items() if rows}, people

    def name(self, text: str) -> str:
        """A person by id or name."""
        return next((name for name in self.people if self.person_id(name) == text), text)

    @staticmethod
    def person_id(name: str) -> str:
        return f"p{abs(hash(name)) % 10**15:015d}"

    # -- the answers to requests ------------------------------------------------------------------

    def face(self, row: int, person: str | None = None) -> Json:
        box = [100 + 40 * (row % 12), 120 + 20 * (row % 7), 120, 150]
        off = {line["ids"] for line in self.lines if line["what"] == "no_reference"}
        on = {line["ids"] for line in self.lines if line["what"] == "reference"}
        return {
            "row": row, "face_id": f"f{row}", "photo": f"2019/{row % 9:02d}/photo {row}.jpg",
            "box": box, "width": WIDTH, "height": HEIGHT, "quality": 0.9, "by_hand": False,
            "similarity": round(0.2 + row % 50 / 100, 2), "person": person,
            "person_id": person and self.person_id(person), "decision": "unknown",
            "cluster_id": None,
            "reference": f"f{row}" not in off and (row % 5 == 0 or f"f{row}" in on),
        }  # fmt: skip

    def person(self, name: str) -> Json:
        rows = self.now()[1].get(name, [])
        portrait = self.face(rows[0], name) if rows else None
        return {
            "person_id": self.person_id(name), "person": name, "faces": len(rows),
            "references": 2, "portrait": portrait,
        }  # fmt: skip

    def state(self) -> Json:
        clusters, people = self.now()
        return {
            "version": self.version, "people": len(people),
            "named_faces": sum(map(len, people.values())),
            "unnamed_faces": sum(map(len, clusters.values())),
            "unnamed_clusters": len(clusters), "missing": len(self.missing_now()),
            "answers_pending": len(self.answers) - self.applied, "undoable": len(self.steps),
            "applying": False,
        }  # fmt: skip

    def find(self, wanted: str, limit: int) -> list[Json]:
        words = wanted.lower().split()
        names = [n for n in self.now()[1] if all(word in n.lower() for word in words)]
        return [self.person(name) for name in names[:limit]]

    def cluster(self, key: str, limit: int = 12, offset: int = 0) -> Json:
        clusters = self.now()[0]
        rows = clusters.get(key, [])
        others = [other for other in clusters if other != key]
        like = others[0] if others and len(rows) > 3 else None
        return {
            "cluster_id": key, "size": len(rows), "suggestion": None,
            "faces": [self.face(row) for row in rows[offset : offset + limit]],
            "look_alike": like and {
                "cluster_id": like, "similarity": 0.41, "size": len(clusters[like]),
                "faces": [self.face(row) for row in clusters[like][:4]],
            },
        }  # fmt: skip

    def suggestion(self, key: str, name: str) -> Json:
        rows = self.now()[0][key]
        person = self.person(name)
        return {
            "id": f"{key}-{person['person_id']}", "cluster_id": key, "size": len(rows),
            "faces": [self.face(row) for row in rows[:8]], "person": person,
            "references": self.references(name), "similarity": 0.52, "probability": self.likely,
        }  # fmt: skip

    def suggestions(self, limit: int, skip: set[str]) -> list[Json]:
        clusters = self.now()[0]
        barred = {
            (i, ln["person"]) for ln in self.lines if ln["what"] == "not" for i in self.ids(ln)
        }
        found = [
            self.suggestion(key, name)
            for key, name in self.suggested
            if key in clusters and (key, self.person_id(name)) not in barred
        ]
        found = [one for one in found if one["id"] not in skip][:limit]
        return found or [one for one in self.strangers() if one["id"] not in skip][:1]

    def strangers(self) -> list[Json]:
        """Questions without a person."""
        clusters = self.now()[0] if self.asks_who else {}
        return [
            {
                "id": f"{key}:", "cluster_id": key, "ids": None, "size": len(rows), "person": None,
                "faces": [self.face(row) for row in rows[:8]], "references": [],
                "similarity": None, "probability": None,
            }
            for key, rows in clusters.items()
        ]  # fmt: skip

    def references(self, name: str) -> list[Json]:
        return [
            {"image": f"/image/reference/{row}", "photo": f"people/{row}.jpg"}
            for row in self.people.get(name, [])[:4]
        ]

    def missing_now(self) -> list[Json]:
        settled = {
            (self.name(line["person"]), line.get("photo") or "")
            for line in self.lines if line["what"] in ("accept_absent", "face")
        }  # fmt: skip
        named = {
            (self.name(line["person"]), line["ids"])
            for line in self.lines
            if line["what"] == "name"
        }
        return [
            {
                "person": name, "person_id": self.person_id(name), "scope": photo, "photo": photo,
                "status": "near_miss" if row is not None else "absent",
                "reason": "the nearest face is below the threshold",
                "nearest": None if row is None else {**self.face(row), "photo": photo},
                "references": self.references(name), "width": WIDTH, "height": HEIGHT,
            }
            for name, photo, row in self.missing
            if (name, photo) not in settled and (name, f"f{row}") not in named
        ]  # fmt: skip

    def record(self, lines: list[Json], *, sure: bool) -> tuple[int, Json]:
        time.sleep(self.slow)
        known = self.now()[1]
        looks = [
            {"name": line["person"], "like": name}
            for line in lines if line["what"] in ("name", "rename", "face")
            for name in known
            if self.name(line["person"]) not in known and alike(line["person"], name)
        ]  # fmt: skip
        if looks and not sure:
            return 409, {"look_alike": looks}
        before = self.state()["named_faces"]
        ids = []
        for line in lines:
            self.said += 1
            self.answers.append((f"a{self.said}", line))
            ids.append(f"a{self.said}")
        self.steps.append(ids)
        self.version += 1
        state = self.state()
        named = max(0, state["named_faces"] - before)
        return 200, {"answers": ids, "faces_named": named, "warnings": [], "state": state}

    def undo(self, steps: int) -> Json:
        gone = [one for ids in reversed(self.steps[-steps:]) for one in ids]
        del self.steps[-steps:]
        self.answers = [(key, line) for key, line in self.answers if key not in gone]
        self.version += 1
        return {"undone": gone, "state": self.state()}


def alike(name: str, other: str) -> bool:
    """Whether two names differ in one letter at most."""
    wrong = sum(a != b for a, b in zip(name, other, strict=False))
    return wrong + abs(len(name) - len(other)) == 1


def picture(row: int, width: int, height: int) -> bytes:
    """A PNG of a head before a background, another for each row."""
    hue = (row * 47) % 255
    image = Image.new("RGB", (width, height), (hue, 120, 255 - hue))
    draw = ImageDraw.Draw(image)
    draw.ellipse((width * 0.25, height * 0.15, width * 0.75, height * 0.85), fill=(236, 200, 170))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def make_app(made: Made) -> Starlette:
    """The application of a made archive."""
    templates = Environment(loader=FileSystemLoader(WEB / "templates"), autoescape=True)

    def page(view: str) -> Callable[[Request], Response]:
        def shown(request: Request) -> Response:
            person = request.path_params.get("person_id", "")
            text = templates.get_template(f"{view}.html").render(view=view, person_id=person)
            return HTMLResponse(text, headers={"Content-Security-Policy": POLICY})

        return shown

    def asked(answer: Callable[[Request], Any]) -> Callable[[Request], Response]:
        return lambda request: JSONResponse(answer(request))

    def number(request: Request, name: str, default: int) -> int:
        return int(request.query_params.get(name, default))

    def skipped(request: Request) -> set[str]:
        return set(request.query_params.get("skip", "").split(","))

    def clusters(request: Request) -> list[Json]:
        open_ones = [key for key in made.now()[0] if key not in skipped(request)]
        return [made.cluster(key) for key in open_ones[: number(request, "limit", 1)]]

    def person(request: Request) -> Json:
        name = made.name(request.path_params["person_id"])
        start = number(request, "offset", 0)
        rows = made.now()[1].get(name, [])
        chosen = rows[start : start + number(request, "limit", 60)]
        return {
            "person": made.person(name) if name in made.now()[1] else None, "total": len(rows),
            "faces": [made.face(row, name) for row in chosen], "references": made.references(name),
        }  # fmt: skip

    def png(size: tuple[int, int]) -> Callable[[Request], Response]:
        def drawn(request: Request) -> Response:
            row = request.path_params.get("row", 3)
            return Response(picture(row, *size), media_type="image/png")

        return drawn

    async def answers(request: Request) -> Response:
        body = await request.json()
        status, found = made.record(body["lines"], sure=body["sure"])
        return JSONResponse(found, status)

    async def undo(request: Request) -> Response:
        return JSONResponse(made.undo((await request.json())["steps"]))

    def apply_now(request: Request) -> Json:
        before, made.applied = made.state()["named_faces"], len(made.answers)
        return {"state": made.state(), "before": before}

    effect = {"faces_named_before": 40, "faces_named_after": 61, "job": "j1"}
    get = {
        "/api/state": lambda _: made.state(),
        "/api/people": lambda r: made.find(r.query_params.get("q", ""), number(r, "limit", 20)),
        "/api/suggestions": lambda r: made.suggestions(number(r, "limit", 12), skipped(r)),
        "/api/clusters": clusters,
        "/api/cluster/{key}": lambda r: made.cluster(
            r.path_params["key"], number(r, "limit", 60), number(r, "offset", 0)
        ),
        "/api/person/{person_id}": person,
        "/api/missing": lambda r: made.missing_now()[number(r, "offset", 0) :][:20],
        "/api/apply-now": lambda _: {
            "running": False, "progress": "", "effect": effect, "error": None
        },
    }  # fmt: skip
    return Starlette(
        routes=[
            Route("/", page("suggestions")),
            Route("/unnamed", page("unnamed")),
            Route("/missing", page("missing")),
            Route("/person/{person_id}", page("person")),
            *(Route(path, asked(answer)) for path, answer in get.items()),
            Route("/api/answers", answers, methods=["POST"]),
            Route("/api/undo", undo, methods=["POST"]),
            Route("/api/apply-now", asked(apply_now), methods=["POST"]),
            Route("/image/face/{row:int}", png((160, 160))),
            Route("/image/reference/{row:int}", png((160, 160))),
            Route("/image/photo/{row:int}", png((WIDTH, HEIGHT))),
            Route("/image/photo", png((WIDTH, HEIGHT))),
            Mount("/static", StaticFiles(directory=WEB / "static")),
        ]
    )


@contextmanager
def serving(app: Starlette) -> Iterator[str]:
    """Serve an application on a free port; its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
