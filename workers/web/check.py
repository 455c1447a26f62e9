"""The requests of the page of a check.

GET /api/check -> {check: {id, job_id, by, seed, total, judged, signed, latest} | null, item, ahead,
lines, wrong, undoable, answered}; an item of kind `name` has {number, person, references, face,
photo}, of kind `absence` {number, person, scope, references, photos, photos_total}; `ahead` is the
one after it. POST /api/check takes one of {number, verdict}, {undo: true}, {sign: true} and
{answer: true}, and gives the same.
"""

from __future__ import annotations

from typing import Any, get_args

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from headcount.assignments.checks.record import Verdict
from headcount.errors import FatalError
from workers.web.api import read_body
from workers.web.checking import Checking
from workers.web.describe import Json
from workers.web.session import Session

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


def shown(request: Request) -> Response:
    """How far the check is, and what is to be judged."""
    return JSONResponse(_checking(request).state(_session(request)))


async def act(request: Request) -> Response:
    """Judge, take back, sign, or make answers of wrong names."""
    body = await read_body(request)
    return JSONResponse(await run_in_threadpool(lambda: _act(request, body)))


def _act(request: Request, body: dict[str, Any]) -> Json:
    checking, session = _checking(request), _session(request)
    if body.get("undo") is True:
        return checking.undo(session)
    if body.get("sign") is True:
        return checking.sign(session)
    if body.get("answer") is True:
        return checking.answer(session)
    number, verdict = body.get("number"), body.get("verdict")
    if type(number) is not int or verdict not in VERDICTS:
        raise FatalError("a verdict is right, wrong or cannot_tell, on an item by its number")
    return checking.judge(session, number, verdict)


def _checking(request: Request) -> Checking:
    checking: Checking = request.app.state.checking
    return checking


def _session(request: Request) -> Session:
    session: Session = request.app.state.opened.session
    return session


def check_routes() -> list[Route]:
    """The routes of a check but the page itself."""
    return [
        Route("/api/check", shown, methods=["GET"]),
        Route("/api/check", act, methods=["POST"]),
    ]
