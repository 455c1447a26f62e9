"""The requests of the page and their answers, as JSON and pictures.

GET /api/state, /api/people, /api/suggestions, /api/clusters, /api/cluster/{id},
/api/person/{person_id}, /api/missing, /api/photo?key=, /api/explain?what=, /api/apply-now;
/image/face/{row}, /image/reference/{row}, /image/photo/{row} and /image/photo?key=;
POST /api/answers, /api/undo, /api/apply-now.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from headcount.errors import FatalError, HeadcountError
from workers.tables.columns import NONE
from workers.web.clusters import described, next_clusters
from workers.web.crops import OUT_OF_REACH, SIZES, WIDTHS, Pictures
from workers.web.describe import Json
from workers.web.explaining import subject_of
from workers.web.images import photo_by_key, wanted_face, wanted_photo, wanted_reference
from workers.web.lines import checked_lines
from workers.web.missing import described_missing, missing_rows, photo_rows
from workers.web.people import described_person, find_people
from workers.web.session import Opened, Session
from workers.web.suggestions import suggestions

MOST = 200
"""Entries of one response, at most."""
FAR = 10_000_000
MAX_KEY = 4096


class NotFound(HeadcountError):
    """There is no such thing here."""


def _session(request: Request) -> Session:
    opened: Opened = request.app.state.opened
    return opened.session


def _number(request: Request, name: str, default: int, most: int = MOST) -> int:
    """A number of the address. Raises FatalError where it is none."""
    text = request.query_params.get(name, str(default))
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise FatalError(f"{name} is no number")
    return min(int(text), most)


def _skipped(request: Request) -> list[str]:
    return [one for one in request.query_params.get("skip", "").split(",") if one][:5000]


def state(request: Request) -> Json:
    """The numbers of the page."""
    return _session(request).state()


def people(request: Request) -> list[Json]:
    """People whose names have all words that are asked for."""
    wanted = request.query_params.get("q", "")[:200]
    return find_people(_session(request).view(), wanted, _number(request, "limit", 20))


def suggested(request: Request) -> list[Json]:
    """Questions in a good order."""
    session = _session(request)
    limit = _number(request, "limit", 12)
    with session.questions.lock:
        view = session.view()
        sheet = request.query_params.get("sheet") == "1"
        asked = session.asked(view)
        return suggestions(view, asked, limit, _skipped(request), sheet=sheet)


def clusters(request: Request) -> list[Json]:
    """Clusters that wait for a name."""
    session = _session(request)
    limit = _number(request, "limit", 1, 50)
    with session.questions.lock:
        view = session.view()
        return next_clusters(view, session.asked(view), limit, _skipped(request))


def cluster(request: Request) -> Json:
    """One cluster, with its faces from ``offset`` on."""
    session = _session(request)
    view = session.view()
    code = view.shown.cluster_code(request.path_params["cluster_id"])
    if code == NONE:
        raise NotFound("no such cluster")
    start, limit = _number(request, "offset", 0, FAR), _number(request, "limit", 60)
    with session.questions.lock:
        found = described(view, session.asked(view), code)
    rows = view.shown.unnamed_in(code)
    rows = view.best(rows, len(rows))[start : start + limit]
    return found | {"faces": view.faces(rows), "total": found["size"]}


def person(request: Request) -> Json:
    """A person with the faces that have the name, the least similar first."""
    view = _session(request).view()
    found = described_person(
        view,
        request.path_params["person_id"],
        _number(request, "offset", 0, FAR),
        _number(request, "limit", 60),
    )
    if found is None:
        raise NotFound("nobody has this id")
    return found


def missing(request: Request) -> list[Json]:
    """Everybody who is missing somewhere."""
    view = _session(request).view()
    start, limit = _number(request, "offset", 0, FAR), _number(request, "limit", 20, 50)
    return list(described_missing(view, missing_rows(view)[start : start + limit]))


def photo(request: Request) -> Json:
    """All faces of a photo, by its key."""
    view, key = _session(request).view(), request.query_params.get("key", "")
    rows = photo_rows(view, key)
    if not len(rows):
        raise NotFound("no such photo")
    return {"photo": key, "faces": view.faces(rows)}


def explained(request: Request) -> Json:
    """Everything about the decision on a face, a photo or a person."""
    session, asked = _session(request), request.query_params
    what, kind, photo = asked.get("what", ""), asked.get("as"), asked.get("photo")
    if not what or len(what) > MAX_KEY:
        raise NotFound("there is nothing to explain")
    found = session.explaining.document(session.view(), what, kind, photo)
    if found["kind"] != "choice":
        session.recorder.note("explain", subject_of(found))
    return found


def applying(request: Request) -> Json:
    """How far matching anew is."""
    return _session(request).applying()


# -- acts -----------------------------------------------------------------------------------------


async def read_body(request: Request) -> dict[str, Any]:
    """The object that a request sends. Raises FatalError where it is none."""
    try:
        found = json.loads(await request.body() or b"{}")
    except (ValueError, RecursionError) as error:
        raise FatalError("the request is no JSON") from error
    if not isinstance(found, dict):
        raise FatalError("the request is no object")
    return found


async def answer(request: Request) -> Response:
    """Record lines; 409 where a new name looks like a known one."""
    body = await read_body(request)
    lines = checked_lines(body.get("lines"))
    sure = body.get("sure") is True
    found = await run_in_threadpool(lambda: _session(request).answer(lines, sure=sure))
    return JSONResponse(found, 409 if "look_alike" in found else 200)


async def undo(request: Request) -> Response:
    """Take back the last steps, or answers by their ids."""
    body = await read_body(request)
    steps, ids = body.get("steps", 0), body.get("ids", [])
    if not isinstance(steps, int) or not _are_ids(ids):
        raise FatalError("undo takes a number of steps, or ids of answers")
    return JSONResponse(await run_in_threadpool(lambda: _session(request).undo(steps, ids)))


def _are_ids(ids: Any) -> bool:
    return (
        isinstance(ids, list)
        and len(ids) <= MOST
        and all(isinstance(one, str) and one.isalnum() and len(one) <= 40 for one in ids)
    )


async def apply_now(request: Request) -> Response:
    """Begin to match anew."""
    found = await run_in_threadpool(lambda: _session(request).apply_now())
    return JSONResponse({"state": found})


# -- pictures -------------------------------------------------------------------------------------


def _size(request: Request, name: str, allowed: tuple[int, ...]) -> int:
    asked = _number(request, name, allowed[0], FAR)
    return next((size for size in allowed if size >= asked), allowed[-1])


def face_image(request: Request) -> Response:
    """The crop of a face."""
    view = _session(request).view()
    row = _row(request, len(view.shown.said))
    return _picture(request, lambda: wanted_face(view, row, _size(request, "size", SIZES)))


def reference_image(request: Request) -> Response:
    """The crop of a reference."""
    view = _session(request).view()
    row = _row(request, len(view.results.gallery.photos))
    size = _size(request, "size", SIZES)
    return _picture(request, lambda: wanted_reference(view, row, size))


def photo_image(request: Request) -> Response:
    """The whole photo of a face, or by its key."""
    view, width = _session(request).view(), _size(request, "width", WIDTHS)
    if "row" in request.path_params:
        row = _row(request, len(view.shown.said))
        return _picture(request, lambda: wanted_photo(view, row, width))
    key = request.query_params.get("key", "")
    return _picture(request, lambda: photo_by_key(view, key, width))


def _row(request: Request, count: int) -> int:
    row = int(request.path_params["row"])
    if row >= count:
        raise NotFound("no such picture")
    return row


def _picture(request: Request, wanted: Callable[[], Any]) -> Response:
    asked = wanted()
    if asked is None:
        raise NotFound("no such picture")
    headers = {"etag": asked.etag, "cache-control": "private, no-cache"}
    if request.headers.get("if-none-match") == asked.etag:
        return Response(status_code=304, headers=headers)
    pictures: Pictures = request.app.state.pictures
    made = pictures.picture(asked)
    if made is None:
        return Response(OUT_OF_REACH, media_type="image/svg+xml")
    return Response(made, media_type="image/jpeg", headers=headers)


def _json(found: Callable[[Request], Any]) -> Callable[[Request], Response]:
    def endpoint(request: Request) -> Response:
        return JSONResponse(found(request))

    return endpoint


def routes() -> list[Route]:
    """All routes but those of the pages themselves."""
    reads: dict[str, Callable[[Request], Any]] = {
        "/api/state": state,
        "/api/people": people,
        "/api/suggestions": suggested,
        "/api/clusters": clusters,
        "/api/cluster/{cluster_id}": cluster,
        "/api/person/{person_id}": person,
        "/api/missing": missing,
        "/api/photo": photo,
        "/api/explain": explained,
        "/api/apply-now": applying,
    }
    return [
        *(Route(path, _json(found), methods=["GET"]) for path, found in reads.items()),
        Route("/api/answers", answer, methods=["POST"]),
        Route("/api/undo", undo, methods=["POST"]),
        Route("/api/apply-now", apply_now, methods=["POST"]),
        Route("/image/face/{row:int}", face_image, methods=["GET"]),
        Route("/image/reference/{row:int}", reference_image, methods=["GET"]),
        Route("/image/photo/{row:int}", photo_image, methods=["GET"]),
        Route("/image/photo", photo_image, methods=["GET"]),
    ]
