"""Questions: those of the index's results, built in the background and kept up to date."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field

from headcount.answers.kept import holding
from workers.web.asked import Asked, base_of
from workers.web.describe import View
from workers.web.index import ArchiveIndex, Results, Shown

log = logging.getLogger(__name__)


@dataclass
class Questions:
    """The questions of an index; for several threads, of which one at a time asks."""

    index: ArchiveIndex
    lock: threading.RLock = field(default_factory=threading.RLock)
    _asked: Asked | None = None
    _shown: Shown | None = None
    """The state that the questions are of."""
    _building: threading.Lock = field(default_factory=threading.Lock)
    _failed: Results | None = None
    """Results of which they could not be made."""

    def now(self, view: View) -> Asked | None:
        """The questions as all answers left them; None while they are being built."""
        with self.lock:
            if self._is_of(view):
                self._follow(view)
                return self._asked
        can = view.results.embedded.is_set() and self._failed is not view.results
        if can and not self._building.locked():
            threading.Thread(target=self.build, name="questions", daemon=True).start()
        return None

    def are_of(self, results: Results) -> bool:
        """Whether those of some results are there, or could not be made."""
        asked = self._asked
        return self._failed is results or (asked is not None and asked.results is results)

    def _is_of(self, view: View) -> bool:
        """Whether what is there is of these results, with the answers that these took in."""
        asked = self._asked
        if asked is None or asked.results is not view.results:
            return False
        held = holding(self.index.answers.all())
        return self._shown is view.shown or asked.base == base_of(view.results, held)

    def _follow(self, view: View) -> None:
        if self._asked is not None and self._shown is not view.shown:
            self._asked.follow(holding(self.index.answers.all()), view.shown.overlay.renames)
            self._shown = view.shown

    def build(self) -> None:
        """Build the questions, once the embeddings are loaded and unless they are there.

        Takes seconds for a million faces.
        """
        with self._building:
            view = View.of(self.index)
            if not view.results.embedded.is_set() or self._failed is view.results:
                return None
            with self.lock:
                if self._is_of(view):
                    return self._follow(view)
            try:
                asked = Asked.of(view.results, holding(self.index.answers.all()))
            except Exception:
                self._failed = view.results
                log.exception("the order of questions could not be made: they come by size")
                return None
            with self.lock:
                self._asked, self._shown = asked, None
        self.now(View.of(self.index))
        return None
