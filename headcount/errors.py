"""The errors of headcount, and the party at fault in each.

HeadcountError
├─ PhotoError        the photo is at fault      → an outcome and a reason, never leaves the pipeline
├─ ObjectError       one object cannot be read  → its reader decides whose fault that is
│  ├─ ObjectMissing
│  ├─ ObjectDenied
│  ├─ ObjectTooLarge
│  └─ ObjectChanged
├─ TransientError    storage or device hiccup   → the only one that is tried again
└─ FatalError        settings, model, archive   → stops the job, says what to do, is not retried
   └─ WorkerUnfit    one worker's own settings  → another worker may do it

Errors of third-party libraries are translated into these at that library's one door.
"""

from __future__ import annotations

from headcount.contract.vocabulary import Outcome


class HeadcountError(Exception):
    """Any error whose text was written for the person who runs headcount."""


class PhotoError(HeadcountError):
    """A photo cannot be processed. Becomes that photo's outcome."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(f"{outcome}: {reason}")
        self.outcome = outcome
        self.reason = reason


class ObjectError(HeadcountError):
    """One object of a store cannot be read.

    Where the object is a photo this becomes its outcome; where headcount itself wrote the
    object it means a damaged archive, which is fatal.
    """

    outcome = Outcome.UNREADABLE

    def __init__(self, uri: str, detail: str = "") -> None:
        super().__init__(f"{self.label()}: {uri}" + (f" ({detail})" if detail else ""))
        self.uri = uri
        self.detail = detail

    @classmethod
    def label(cls) -> str:
        """The error in words."""
        return "cannot be read"

    def as_photo_error(self) -> PhotoError:
        """The same fact as the outcome of a photo."""
        return PhotoError(self.outcome, self.detail or self.label())


class ObjectMissing(ObjectError):
    """There is no such object (any more)."""

    outcome = Outcome.MISSING

    @classmethod
    def label(cls) -> str:
        """The error in words."""
        return "no such object"


class ObjectDenied(ObjectError):
    """The object is there, and these credentials may not read it."""

    outcome = Outcome.DENIED

    @classmethod
    def label(cls) -> str:
        """The error in words."""
        return "access denied"


class ObjectTooLarge(ObjectError):
    """The object is larger than the reader allows."""

    outcome = Outcome.TOO_LARGE

    @classmethod
    def label(cls) -> str:
        """The error in words."""
        return "too large"


class ObjectChanged(ObjectError):
    """The object is no longer the one that was listed, or is being written to."""

    @classmethod
    def label(cls) -> str:
        """The error in words."""
        return "changed while it was read"


class TransientError(HeadcountError):
    """A hiccup of storage, broker or device: the same call may succeed later."""


class FatalError(HeadcountError):
    """The job cannot go on. The message says what is wrong and what to do about it."""


class WorkerUnfit(FatalError):
    """A worker cannot do a unit, by its own keys, places, packs or build; another may.

    Elsewhere than in a worker it is like any FatalError.
    """

    def __init__(self, text: str, kind: str = "store") -> None:
        super().__init__(text)
        self.kind = kind
        """The kind of cause: one of CAUSES of headcount.contract.stored.workers."""
