"""Session: what people do on one page: answers recorded, taken back, and applied."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from headcount.answers.record import Answer
from headcount.errors import FatalError, HeadcountError
from workers.web.asked import Asked
from workers.web.describe import Json, View
from workers.web.explaining import Explaining
from workers.web.index import ArchiveIndex, Shown
from workers.web.lines import lines_for_archive
from workers.web.missing import count_missing
from workers.web.overlay import lay
from workers.web.questions import Questions
from workers.web.recorder import Recorder, reply_of

log = logging.getLogger(__name__)

STEPS = 1000
"""Acts that are taken back at once, at most."""


class Opened:
    """A session that is being opened by a thread of its own; whoever asks for it waits."""

    def __init__(self, opening: Callable[[], Session]) -> None:
        self._opening, self._done = opening, threading.Event()
        self._session: Session | None = None
        self._error: Exception | None = None

    def begin(self) -> None:
        """Open it, and load what the first screen does not need."""
        threading.Thread(target=self._open, name="load", daemon=True).start()

    def _open(self) -> None:
        try:
            self._session = self._opening()
            self._done.set()
            self._session.load()
        except Exception as error:
            self._error = error
            self._done.set()
            log.error("the archive could not be read: %s", error)  # noqa: TRY400 - for people
            if not isinstance(error, HeadcountError):
                raise

    @property
    def session(self) -> Session:
        """The session, once it is open. Raises what opening it raised."""
        self._done.wait()
        if self._session is None:
            raise FatalError(f"the archive could not be read: {self._error}")
        return self._session

    @property
    def is_open(self) -> bool:
        """Whether the session is there, without a wait."""
        return self._session is not None


@dataclass
class Session:
    """One page's index and recorder, and the acts that can be taken back."""

    index: ArchiveIndex
    recorder: Recorder
    by: str = ""
    questions: Questions = field(init=False)
    explaining: Explaining = field(default_factory=Explaining)
    _acts: list[list[str]] = field(default_factory=list)
    """Ids of the answers of each act, the last one last."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _applying: Json = field(default_factory=lambda: _applying(running=False))
    _missing: tuple[int, int] = (-1, 0)
    _view: View | None = None

    def __post_init__(self) -> None:
        self.questions = Questions(self.index)

    def view(self) -> View:
        """The index as it is now."""
        found, before = View.of(self.index), self._view
        if before is not None and before.shown is found.shown:
            return before  # what was worked out of it is kept
        self._view = found
        return found

    def load(self) -> None:
        """Load all that the first screen did not need."""
        self.index.load()
        self.questions.build()

    def look(self) -> None:
        """Look for answers and results of others."""
        self.index.look()
        self.questions.build()

    def asked(self, view: View) -> Asked | None:
        """The questions in their order; None while that is being made."""
        return self.questions.now(view)

    def state(self) -> Json:
        """The numbers that the page shows."""
        view = self.view()
        shown, overlay = view.shown, view.shown.overlay
        return {
            "version": self.index.version,
            "collection": view.results.part.uri,
            "people": len(view.names),
            "named_faces": int(np.count_nonzero(overlay.person >= 0)),
            "unnamed_faces": int(np.count_nonzero(shown.unnamed)),
            "unnamed_clusters": len(shown.order),
            "missing": self._count_missing(view),
            "answers_pending": overlay.pending,
            "undoable": len(self._acts),
            "applying": self._applying["running"],
            "loading": not self.questions.are_of(view.results),
            "by": self.by,
        }

    def _count_missing(self, view: View) -> int:
        version = self.index.version
        if self._missing[0] != version:
            self._missing = version, count_missing(view)
        return self._missing[1]

    def answer(self, lines: list[dict[str, str]], *, sure: bool) -> Json:
        """Record lines. Raises FatalError; gives `look_alike` where a new name is asked about."""
        with self._lock:
            view = self.view()
            before = int(np.count_nonzero(view.shown.overlay.person >= 0))
            written = lines_for_archive(view, lines)
            if self.by:
                written = [{"said_by": self.by} | line for line in written]
            reply = self.recorder.apply(written, sure=sure)
            if "look_alike" in reply:
                return {"look_alike": reply["look_alike"]}
            self._take(reply)
            if reply["answers"]:
                self._acts.append(list(reply["answers"]))
        state = self.state()
        return {
            "answers": reply["answers"],
            "faces_named": max(0, state["named_faces"] - before),
            "repeats": reply.get("repeats", 0),
            "warnings": reply.get("warnings", []),
            "state": state,
        }

    def undo(self, steps: int, ids: list[str]) -> Json:
        """Take back the last acts of this page, or answers by their ids."""
        with self._lock:
            if not ids:
                steps = min(max(0, steps), STEPS, len(self._acts))
                acts = self._acts[len(self._acts) - steps :]
                ids = [one for act in reversed(acts) for one in act]
            if ids:
                self._take(self._taken_back(ids))
            gone = set(ids)
            left = ([one for one in act if one not in gone] for act in self._acts)
            self._acts = [act for act in left if act]
        return {"undone": ids, "state": self.state()}

    def _taken_back(self, ids: list[str]) -> Json:
        if not self.by:
            return self.recorder.undo(ids)
        line = {"what": "undo", "ids": " ".join(ids), "said_by": self.by}
        return self.recorder.apply([line], sure=True)

    def _take(self, reply: Json) -> None:
        self.index.add([Answer.model_validate(record) for record in reply.get("records", ())])

    # -- apply now --------------------------------------------------------------------------------

    def apply_now(self) -> Json:
        """Begin to match anew, unless that is under way; the numbers of the page."""
        with self._lock:
            if not self._applying["running"]:
                self._applying = _applying(running=True)
                threading.Thread(target=self._apply, name="apply", daemon=True).start()
        return self.state()

    def applying(self) -> Json:
        """How far matching anew is, and what came of it."""
        return dict(self._applying)

    def _apply(self) -> None:
        before = self._named(self._view_of_results())
        try:
            future = self.recorder.rematch(self._progress)
            reply = reply_of(future)
            self.look()
            effect: Json = {f"{name}_before": number for name, number in before.items()}
            effect |= {f"{name}_after": number for name, number in self._named(self.view()).items()}
            effect |= {"job": reply.get("job"), "summary": reply.get("summary")}
            self._applying = _applying(running=False) | {"effect": effect}
        except FatalError as error:
            self._applying = _applying(running=False) | {"error": str(error)}
        except Exception as error:
            self._applying = _applying(running=False) | {"error": type(error).__name__}
            raise

    def _view_of_results(self) -> View:
        """What the results say, without the answers that came since."""
        results = self.index.results
        answers = [one for one in self.index.answers.all() if one.id in results.settled.held]
        overlay = lay(results.said, answers, results.settled, results.members)
        return View(self.index, results, Shown(results.said, overlay))

    @staticmethod
    def _named(view: View) -> dict[str, int]:
        return {
            "faces_named": int(np.count_nonzero(view.shown.overlay.person >= 0)),
            "unnamed_faces": int(np.count_nonzero(view.shown.unnamed)),
            "unnamed_clusters": len(view.shown.order),
            "missing": count_missing(view),
        }

    def _progress(self, message: dict[str, Any]) -> None:
        self._applying = {**self._applying, "progress": str(message["progress"])}


def _applying(*, running: bool) -> Json:
    return {"running": running, "progress": "", "effect": None, "error": None}
