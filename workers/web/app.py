"""The application: the pages, the requests they make, and what goes on beside them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from headcount.errors import FatalError, HeadcountError, TransientError
from workers.web.api import NotFound, routes
from workers.web.check import check_routes
from workers.web.checking import Asked, Checking
from workers.web.crops import Pictures
from workers.web.security import Access, Guard, TooMuch
from workers.web.session import Opened

HERE = Path(__file__).parent
LOOK_SECONDS = 3.0
"""Seconds between two looks for answers of others."""
VIEWS = {
    "/": "suggestions",
    "/unnamed": "unnamed",
    "/person/{person_id}": "person",
    "/missing": "missing",
    "/check": "check",
    "/explain/{what:path}": "explain",
}
"""The pages by their addresses; each is templates/NAME.html."""


def make_app(
    opened: Opened, pictures: Pictures, access: Access, asked: Asked | None = None
) -> Starlette:
    """The application of one session, behind its guard; it is opened as the server starts.

    ``asked`` is the check that is to be made, if one is.
    """
    templates = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=select_autoescape(default=True)
    )
    app = Starlette(
        routes=[
            *(Route(path, _page(templates, view), methods=["GET"]) for path, view in VIEWS.items()),
            *routes(),
            *check_routes(),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        middleware=[Middleware(Guard, access=access)],
        exception_handlers={
            HTTPException: _http_error,
            NotFound: lambda _, error: _error(404, str(error)),
            FatalError: lambda _, error: _error(400, str(error)),
            TransientError: lambda _, error: _error(503, str(error)),
            HeadcountError: lambda _, error: _error(500, str(error)),
            TooMuch: _too_much,
            Exception: _broken,
        },
        lifespan=_lifespan,
    )
    app.state.opened, app.state.pictures = opened, pictures
    app.state.checking = Checking(asked)
    return app


def _page(templates: Environment, view: str) -> Callable[[Request], Response]:
    def endpoint(request: Request) -> Response:
        template = templates.get_template(f"{view}.html")
        person_id = request.path_params.get("person_id", "")
        if person_id:
            _note_person(request, person_id)
        return HTMLResponse(template.render(view=view, person_id=person_id))

    return endpoint


def _note_person(request: Request, person_id: str) -> None:
    """Have it noted that somebody looks at a person, where there is such a person."""
    session = request.app.state.opened.session
    if person_id in session.view().names:
        session.recorder.note("review", person_id)


def _error(status: int, why: str) -> Response:
    return JSONResponse({"error": why}, status)


def _http_error(request: Request, error: Exception) -> Response:  # noqa: ARG001
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _error(status, {404: "there is nothing here", 405: "not that way"}.get(status, "no"))


def _too_much(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return _error(413, "too much at once")


def _broken(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """The response where the program failed; the traceback is for the terminal alone."""
    return _error(500, f"the page failed ({type(error).__name__}): look at the terminal")


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    """Load what the first screen did not need, and look for answers of others."""
    opened: Opened = app.state.opened
    opened.begin()

    async def looking() -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if opened.is_open:
                await asyncio.to_thread(opened.session.look)

    task = asyncio.create_task(looking())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
