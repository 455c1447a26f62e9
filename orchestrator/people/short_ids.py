"""Short ids: whatever is unique stands for the whole id, of jobs and of people."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from headcount.errors import FatalError
from headcount.storage import Store
from orchestrator.archive.catalogue import job_ids

SHORTEST = 3
"""Characters of a short id, at least: fewer are a slip of the finger."""

CANDIDATES = 5
"""Ids that a short one may mean which are named."""


def several(text: str, candidates: Sequence[str]) -> str:
    """The words about a short id that may mean several."""
    more = ", ..." if len(candidates) > CANDIDATES else ""
    return f"{text} is the beginning of several ids: {', '.join(candidates[:CANDIDATES])}{more}"


def full_id(text: str, known: Iterable[str]) -> str:
    """The one of the ``known`` ids that a text is, or that begins or ends with it.

    A text that none of them begins or ends with is given back. Raises FatalError where it may be
    several, and names them.
    """
    ids = list(known)
    if text in ids or len(text) < SHORTEST:
        return text
    meant = sorted(one for one in ids if one.startswith(text) or one.endswith(text))
    if len(meant) > 1:
        raise FatalError(several(text, meant))
    return meant[0] if meant else text


def full_job_id(store: Store, job: str) -> str:
    """The id of a job, given whole or short; raises FatalError where it may be several."""
    return full_id(job, job_ids(store))


def job_or_latest(store: Store, job: str | None) -> str:
    """The id of a job, given whole or short; of the latest without. FatalError: there is none."""
    if job is not None:
        return full_job_id(store, job)
    if ids := job_ids(store):
        return ids[-1]
    raise FatalError(f"there is no job in {store.uri} yet: `headcount run` begins one")


def full_person_id(text: str, known: Collection[str]) -> str:
    """The id of a person, given whole or by its beginning; any other text as it is.

    Raises FatalError where it may be several.
    """
    if not text.startswith("p") or not set(text[1:]) <= set("0123456789abcdef"):
        return text  # a name
    return full_id(text, (one for one in known if one.startswith(text)))
