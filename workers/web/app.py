"""The application: the pages, the requests they make, and what goes on beside them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
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
from workers.web.crops import Pictures
from workers.web.security import Access, Guard, TooMuch
from workers.web.session import Session

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
LOOK_SECONDS = 3.0
"""Seconds between two looks for answers of others."""
VIEWS = {
    "/": "suggestions",
    "/unnamed": "unnamed",
    "/person/{person_id}": "person",
    "/missing": "missing",
}
"""The pages by their addresses; each is templates/NAME.html where that is there, else page.html."""


def make_app(session: Session, pictures: Pictures, access: Access) -> Starlette:
    """The application of one session, behind its guard."""
    templates = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=select_autoescape(default=True)
    )
    app = Starlette(
        routes=[
            *(Route(path, _page(templates, view), methods=["GET"]) for path, view in VIEWS.items()),
            *routes(),
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
    app.state.session, app.state.pictures = session, pictures
    return app


def _page(templates: Environment, view: str) -> Callable[[Request], Response]:
    def endpoint(request: Request) -> Response:
        template = templates.select_template([f"{view}.html", "page.html"])
        person_id = request.path_params.get("person_id", "")
        if person_id:
            request.app.state.session.recorder.note("review", person_id)
        return HTMLResponse(template.render(view=view, person_id=person_id))

    return endpoint


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
    index = app.state.session.index
    threading.Thread(target=_load, args=(app.state.session,), name="load", daemon=True).start()

    async def looking() -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await asyncio.to_thread(index.look)

    task = asyncio.create_task(looking())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _load(session: Session) -> None:
    try:
        session.index.load()
        session.centres.of(session.index.results)
    except HeadcountError as error:
        log.error("the archive could not be read: %s", error)  # noqa: TRY400 - a message for people
