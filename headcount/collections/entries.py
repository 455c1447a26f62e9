"""One photo of a container, as an index keeps it: its key, its tag, the place of its bytes."""

from __future__ import annotations

from dataclasses import dataclass

from headcount.contract.vocabulary import Outcome
from headcount.errors import ObjectDenied, ObjectError
from headcount.storage.base import ObjectInfo

Place = tuple[int | str, ...]

_ERRORS = {Outcome.DENIED: ObjectDenied, Outcome.UNREADABLE: ObjectError}


@dataclass(frozen=True, slots=True)
class Entry:
    """A member of a container.

    ``place`` is for the container's own format to understand; ``fault``, an outcome and a
    reason, says why the member cannot be read at all. The entry whose key is empty stands for
    the container itself, and always has a fault. ``taken`` is what a list says of when it was
    taken.
    """

    key: str
    etag: str
    size: int
    place: Place = ()
    fault: tuple[Outcome, str] | None = None
    taken: str = ""

    @property
    def info(self) -> ObjectInfo:
        """The entry's info in a listing."""
        return ObjectInfo(self.key, self.etag, self.size, self.taken)

    def require_readable(self, uri: str) -> None:
        """Raise the ObjectError of its fault, where it has one."""
        if self.fault is not None:
            outcome, reason = self.fault
            raise _ERRORS[outcome](uri, reason)

    def to_row(self) -> list[object]:
        """The entry as a row of JSON."""
        row = [self.key, self.etag, self.size, self.place, self.fault]
        return [*row, self.taken] if self.taken else row

    @classmethod
    def from_row(cls, row: list[object]) -> Entry:
        """The entry of a row of JSON; one without `taken` has five columns."""
        key, etag, size, place, fault, *taken = row
        return cls(
            str(key),
            str(etag),
            int(str(size)),
            tuple(place),  # type: ignore[arg-type]  # written by to_row
            (Outcome(fault[0]), str(fault[1])) if isinstance(fault, list) else None,
            str(taken[0]) if taken else "",
        )


def unreadable(key: str, etag: str, size: int, reason: str) -> Entry:
    """An entry that is there and cannot be read."""
    return Entry(key, etag, size, fault=(Outcome.UNREADABLE, reason))
