"""The answers of an archive as this process knows them, read anew where others added some."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from headcount.answers.kept import in_order, read_object
from headcount.answers.record import Answer
from headcount.answers.taken import taken_by
from headcount.contract.layout import ANSWERS
from headcount.storage import Store


@dataclass
class KnownAnswers:
    """All answers of an archive by the objects that hold them; for several threads."""

    store: Store
    _objects: dict[str, tuple[str, tuple[Answer, ...]]] = field(default_factory=dict)
    """Etag and answers of each object, by its key."""
    _added: dict[str, Answer] = field(default_factory=dict)
    """Answers that were told of, and are in no object that was read yet."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self) -> bool:
        """Read what is new in the store; whether anything is."""
        there = {info.key: info.etag for info in self.store.list(ANSWERS)}
        with self._lock:
            before = self._ids()
            for key in self._objects.keys() - there.keys():
                del self._objects[key]
            for key, etag in there.items():
                if self._objects.get(key, ("",))[0] != etag:
                    self._objects[key] = etag, read_object(self.store, key) or ()
            for _, answers in self._objects.values():
                for answer in answers:
                    self._added.pop(answer.id, None)
            return self._ids() != before

    def add(self, answers: Iterable[Answer]) -> None:
        """Add answers that were just recorded."""
        with self._lock:
            self._added |= {answer.id: answer for answer in answers}

    def all(self) -> list[Answer]:
        """All answers, in the order in which they were said."""
        with self._lock:
            found = [a for _, answers in sorted_values(self._objects) for a in answers]
            known = {answer.id for answer in found}
            return in_order([*found, *(a for a in self._added.values() if a.id not in known)])

    def taken(self, job_id: str) -> frozenset[str]:
        """The ids of the answers that a job took in."""
        keys = taken_by(self.store, job_id)
        with self._lock:
            return frozenset(
                answer.id
                for key, (_, answers) in self._objects.items()
                for answer in answers
                if (key in keys if keys is not None else False)
            )

    def _ids(self) -> set[str]:
        found = {a.id for _, answers in self._objects.values() for a in answers}
        return found | self._added.keys()


def sorted_values(
    objects: dict[str, tuple[str, tuple[Answer, ...]]],
) -> Sequence[tuple[str, tuple[Answer, ...]]]:
    """Etags and answers in the order of the objects' keys."""
    return [objects[key] for key in sorted(objects)]
