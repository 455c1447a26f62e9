"""Checking: one check of the latest job, drawn, judged item by item, signed, and told."""

from __future__ import annotations

import json
import secrets
import threading
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headcount.assignments import history
from headcount.assignments.checks.draw import absences_of, counts_of, drawn, names_of
from headcount.assignments.checks.figures import lines_of
from headcount.assignments.checks.kept import (
    begun_check,
    new_check_id,
    of_job,
    read_check,
    read_checks,
    sign_check,
    write_check,
)
from headcount.assignments.checks.record import CheckItem, CheckRecord, Verdict, items_of
from headcount.assignments.checks.told import tell_checks
from headcount.contract import results
from headcount.contract.record import now
from headcount.contract.vocabulary import EXPECTED_HERE
from headcount.errors import FatalError, HeadcountError
from headcount.storage import Store, open_store
from workers.web.describe import Json, View
from workers.web.judged import described_item
from workers.web.session import Session

FACES = "faces.parquet"
MOST_BYTES = 1 << 30
"""Bytes of the results' table of faces that is looked into for names by a roster alone."""


@dataclass(frozen=True)
class Asked:
    """A check that is wanted: how many names and absences, by which seed, None for a new one."""

    names: int
    absences: int
    seed: int | None = None


@dataclass
class Checking:
    """The check of a page. Its record in the archive is read anew for each act."""

    asked: Asked | None = None
    _id: str | None = None
    _answered: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def state(self, session: Session) -> Json:
        """The item to be judged, the one after it, and how far the check is."""
        with self._lock:
            return self._state(session, self._check(session))

    def judge(self, session: Session, number: int, verdict: Verdict) -> Json:
        """Judge an item. Raises FatalError where it is not there or the check is signed."""
        with self._lock:
            check = self._open_check(session)
            if number not in {item.number for item in check.items}:
                raise FatalError("the check has no such item any more")
            check = check.with_verdict(number, verdict, now())
            write_check(session.index.store, check)
            return self._state(session, check)

    def undo(self, session: Session) -> Json:
        """Take the last verdict back."""
        with self._lock:
            check = self._open_check(session)
            last = check.last_judged()
            if last is not None:
                check = check.with_verdict(last.number, None, now())
                write_check(session.index.store, check)
            return self._state(session, check)

    def sign(self, session: Session) -> Json:
        """Sign the check, and tell of it in its job's summary and report."""
        with self._lock:
            check = sign_check(session.index.store, self._open_check(session))
            session.recorder.note("check", check.id)
            told = self._tell(session)
            return self._state(session, check) | {"told": told}

    def answer(self, session: Session) -> Json:
        """Record an answer `not` for each name that was judged wrong."""
        with self._lock:
            check = self._check(session)
            if check is None or check.signed is None:
                raise FatalError("answers are made of a signed check")
            lines = [
                {"what": "not", "ids": item.face_id or "", "person": item.person_id or ""}
                for item in _wrong_names(check)
            ]
            made = session.answer(lines, sure=True) if lines else {"answers": []}
            self._answered = True
            return self._state(session, check) | {"answers": made["answers"]}

    # -- the record -------------------------------------------------------------------------------

    def _check(self, session: Session) -> CheckRecord | None:
        """The check of this page, begun where it is not; None where none is asked for."""
        store = session.index.store
        if self.asked is None:
            return None
        if self._id is None:
            job_id = session.view().results.said.job_id
            found = begun_check(store, job_id, self.asked.seed, session.by)
            if found is None:
                found = begin(session.view(), self.asked, session.by)
                write_check(store, found)
            self._id = found.id
        return read_check(store, self._id)

    def _open_check(self, session: Session) -> CheckRecord:
        check = self._check(session)
        if check is None:
            raise FatalError("no check is under way: `headcount review --check 100` begins one")
        if check.signed is not None:
            raise FatalError("the check is signed, and stays as it is")
        return check

    def _tell(self, session: Session) -> list[str]:
        """Tell of the job's checks at its results; what was changed there."""
        index = session.index
        spec = index.results.spec
        if spec is None:
            return []
        try:
            return tell_checks(open_store(spec.out, index.s3), read_checks(index.store))
        except HeadcountError:
            return []  # the archive has it, and `headcount results` tells it

    # -- for the page -----------------------------------------------------------------------------

    def _state(self, session: Session, check: CheckRecord | None) -> Json:
        view = session.view()
        job_id = check.job_id if check else view.results.said.job_id
        found: Json = {"check": None, "item": None, "ahead": None, "wrong": [], "undoable": False}
        found |= {"lines": [], "answered": self._answered}
        if check is None or check.signed:  # nobody is to see a figure while judging
            checks = of_job(read_checks(session.index.store), job_id)
            found["lines"] = lines_of(checks)
        if check is None:
            return found
        left = [item for item in check.items if item.verdict is None][:2]
        shown = [described_item(view, item) for item in left] if check.signed is None else []
        return found | {
            "check": {
                "id": check.id,
                "job_id": check.job_id,
                "by": check.by,
                "seed": check.seed,
                "total": len(check.items),
                "judged": check.judged,
                "signed": check.signed is not None,
                "latest": check.job_id == view.results.said.job_id,
            },
            "item": shown[0] if shown else None,
            "ahead": shown[1] if len(shown) > 1 else None,
            "wrong": [{"person": item.person, "photo": item.photo} for item in _wrong_names(check)],
            "undoable": check.signed is None and check.judged > 0,
        }


def _wrong_names(check: CheckRecord) -> list[CheckItem]:
    return [item for item in check.items if item.kind == "name" and item.verdict == "wrong"]


# -- the draw -------------------------------------------------------------------------------------


def begin(view: View, asked: Asked, by: str) -> CheckRecord:
    """Draw from the latest job's names and absences. Raises FatalError where it has neither."""
    part, moment = view.results.part, now()
    names, absences = _names(view), _absences(view)
    seed = secrets.randbits(32) if asked.seed is None else asked.seed
    items = items_of(
        drawn(names, ("face_id", "person_id"), asked.names, seed),
        drawn(absences, ("scope", "photo", "person_id"), asked.absences, seed),
    )
    if not items:
        raise FatalError(f"job {view.results.said.job_id} has neither names nor absences to check")
    return CheckRecord(
        id=new_check_id(moment),
        job_id=view.results.said.job_id,
        collection=part.collection,
        source=part.uri,
        seed=seed,
        begun=moment,
        by=by,
        names=counts_of(names),
        absences=counts_of(absences),
        items=items,
    )


def _names(view: View) -> pa.Table:
    """The names of the latest job, as it said them; answers since then change nothing."""
    tables, job_id = view.results.tables, view.results.said.job_id
    assigned = history.read_assignments(tables.store, tables.keys, tables.collection, job_id)
    by_hand = set(view.results.settled.claims.names.items())
    return names_of(assigned, by_hand=by_hand, expected_here=_expected_here(view))


def _absences(view: View) -> pa.Table:
    expected = view.results.expected
    photos = absences_of(expected)["photo"].drop_null().to_pylist()
    return absences_of(expected, view.results.tables.contents(photos) if photos else None)


def _expected_here(view: View) -> set[str]:
    """Faces that only a roster names, by the job's results; none where these are out of reach."""
    spec = view.results.spec
    if spec is None:
        return set()
    try:
        out = open_store(spec.out, view.index.s3)
        if not _is_of(out, spec.job_id):
            return set()
        data = out.get(FACES, limit=MOST_BYTES).data
        found = pq.read_table(pa.BufferReader(data), columns=["face_id", "evidence"])
    except (HeadcountError, OSError, ValueError, pa.ArrowException):
        return set()
    return set(_with_evidence(found, EXPECTED_HERE))


def _is_of(out: Store, job_id: str) -> bool:
    """Whether results are those of a job."""
    summary = json.loads(out.get(results.SUMMARY).data)
    return isinstance(summary, dict) and summary.get("job_id") == job_id


def _with_evidence(faces: pa.Table, evidence: str) -> list[str]:
    mine = pc.fill_null(pc.equal(faces["evidence"], evidence), False)
    return list(faces["face_id"].filter(mine).to_pylist())
