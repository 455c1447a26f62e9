"""A made-up run as the report shows it: one full of everything, and an empty one."""

from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa

from headcount.contract.stored.archive import PackRecord
from headcount.contract.stored.jobs import JobSpec, Limits
from headcount.contract.stored.references import ReferenceReport
from headcount.contract.vocabulary import Box, Decision
from headcount.rosters.statuses import EXPECTED
from workers.report.view import (
    Failure,
    Report,
    ShownCluster,
    ShownFace,
    ShownMissing,
    ShownPerson,
    ShownPhoto,
    ShownReference,
)

PACK = PackRecord(
    name="sface",
    pack_id="sface-1a2b3c",
    digest="9f2c" * 16,
    detector="YuNet",
    detector_sha256="a" * 64,
    recogniser="SFace",
    recogniser_sha256="b" * 64,
    dimensions=128,
    licence="MIT and Apache-2.0",
    threshold=0.36,
    margin=0.04,
    cluster_threshold=0.4,
    calibration=(20.0, -7.0),
)
SPEC = JobSpec(
    job_id="20261124-031826-a1b2c3",
    created=datetime(2026, 11, 4, 3, 18, tzinfo=UTC),
    photos="s3://museum/photographs/",
    people="s3://museum/people/",
    archive="s3://museum/headcount/",
    out="s3://museum/results/",
    model="sface",
    limits=Limits(max_bytes=1, max_pixels=1, shard_photos=1, shard_bytes=1),
)


def face(decision: Decision, **facts: object) -> ShownFace:
    return ShownFace(
        face_id="f1", box=Box(1, 2, 3, 4), decision=decision, quality=0.07, crop=b"crop",
        **facts,  # type: ignore[arg-type]
    )  # fmt: skip


MATCHED = face(
    Decision.MATCHED, person="Ada Lovelace", nearest="Ada Lovelace", similarity=0.714,
    probability=0.97, runner_up="Grace Hopper", margin=0.523,
)  # fmt: skip
UNKNOWN = face(
    Decision.UNKNOWN, nearest="Grace Hopper", similarity=0.21, probability=0.02,
    runner_up="Ada Lovelace", margin=0.01, cluster_id="c3f2a9d1", tag="c3f2",
)  # fmt: skip
IGNORED = face(Decision.IGNORED)
PHOTO = ShownPhoto(
    key="trip/day 1.jpg", width=4032, height=3024, faces=(MATCHED, UNKNOWN, IGNORED),
    missing=("Mary Anning",), annotated="../annotated/trip/day 1.jpg", preview=b"preview",
    taken=datetime(2019, 7, 4, 15, 30, 12),
)  # fmt: skip
EMPTY = Report(
    spec=SPEC, pack=PACK, threshold=PACK.threshold,
    photos=0, outcomes={}, faces=0, decisions={}, clusters_total=0,
    people=(), shown=(), clusters=(), failures=(), seconds={},
)  # fmt: skip


def reference(state: str, reason: str | None = None) -> ShownReference:
    report = ReferenceReport.model_validate(
        {"person": "Ada Lovelace", "photo": f"ada/{state}.jpg", "state": state, "reason": reason}
    )
    return ShownReference(report, preview=b"shot", crop=b"face")


def unmet(person: str, status: str, **facts: object) -> dict[str, object]:
    """A row of EXPECTED; it is met or not as its status says."""
    row = {"scope": "trip/day 1.jpg", "needed": "every", "photo": "trip/day 1.jpg"}
    known = {"person_id": person.casefold(), "reason": f"why {status}"}
    return row | known | {"person": person, "status": status} | facts


ROWS = pa.Table.from_pylist(
    [
        unmet("Mary Anning", "absent"),
        unmet("Grace Hopper", "near_miss", face_id="f1", similarity=0.34, reason="0.02 below"),
        unmet("Ada Lovelace", "absent", scope="trip/", needed="some", photo=None),
        unmet("No One", "not_enrolled", person_id=None),
        unmet("Ada Lovelace", "photo_absent", scope="lost/", photo=None),
    ],
    EXPECTED,
)
MISSING = ShownMissing(
    ROWS,
    {"present": 2_000, "absent": 1_006, "near_miss": 1, "not_enrolled": 1, "photo_absent": 1},
    {("trip/day 1.jpg", "f1"): b"nearest"},
    {"Grace Hopper": b"reference"},
)
FULL = replace(
    EMPTY,
    photos=31_000,
    outcomes={"faces": 28_000, "no_face": 2_997, "unreadable": 2, "crashed": 1},
    faces=96_123,
    decisions={"matched": 21, "inferred": 2, "unknown": 96_000, "ignored": 100},
    clusters_total=3_131,
    people=(
        ShownPerson("p1", "Ada Lovelace", 1_234, 17, 19, (reference("enrolled"),)),
        ShownPerson("p2", "Grace Hopper", 2, 4, 4),
        ShownPerson("p3", "Mary Anning", 0, 0, 0, (reference("ambiguous", "6 faces"),)),
    ),
    shown=(PHOTO,),
    clusters=(
        ShownCluster("c3f2a9d1", 1_412, 907, (("k/1.jpg", b"one"), ("k/2.jpg", b"two")), "c3f2"),
    ),
    failures=(Failure("unreadable", "not an image", 2, ("bad/1.jpg",)),),
    seconds={"fetch": 5.25, "detect": 4_210.0},
    missing=MISSING,
)
