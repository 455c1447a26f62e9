"""The explanation of one face, as a document for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from headcount.answers.claims import Said
from headcount.rosters.statuses import NEAR_MISS
from headcount.text import counted
from workers.faces.evidence import evidence_of_pairs
from workers.stages.assign import linkage_rule
from workers.tables.columns import as_bool, isin
from workers.tools.explain.case import HEADER, Case, Row
from workers.tools.explain.changes import changes
from workers.tools.explain.moment import Moment
from workers.tools.explain.numbers import number
from workers.tools.explain.recompute import decide
from workers.tools.explain.rules import rules

ALIKE = 5
"""Faces of its cluster that are told, at most: those it is most like."""
SHOWN = ("decision", "person_id", "person", "evidence", "nearest_person_id", "nearest")
MEASURED = ("similarity", "discount", "margin")


def explain_face(moment: Moment, photo: str, face_id: str) -> Row:
    """Everything about the decision on a face of a photo."""
    decided = decide(moment, [photo])
    case = Case.of(moment, decided, photo, face_id)
    return {
        "kind": "face",
        "job": about_job(moment),
        "face": brief(case.row),
        "found": {**_found(case), "found_by_job": case.row["job_id"]},
        "quality": case.quality,
        "decision": _decision(case),
        "thresholds": _thresholds(case),
        "nearest": case.nearest,
        "rules": [asdict(rule) for rule in rules(case)],
        "cluster": _cluster(case),
        "expected": _expected(case),
        "answers": [said_briefly(one) for one in case.said],
        "would_change": [asdict(change) for change in changes(case)],
        "lines_begin_with": HEADER,
        "beside": [brief(row) for row in case.beside],
        "notes": list(moment.notes()),
    }


def about_job(moment: Moment) -> Row:
    """The job whose decision it is, and what it compared with."""
    spec = moment.spec
    return {
        "job_id": moment.job_id,
        "ended": moment.ended.isoformat(),
        "archive": moment.store.uri,
        "collection": spec.photos,
        "rematch": spec.rematch is not None,
        "pack": moment.pack.name,
        "pack_id": moment.pack.pack_id,
        "people": len(moment.gallery),
        "references": len(moment.gallery.embeddings),
        "gallery_version": moment.gallery_version,
    }


def brief(row: Mapping[str, Any]) -> Row:
    """A face in short: its place, its quality, and what was decided of it."""
    worth = None
    if row["similarity"] is not None:
        worth = row["similarity"] - (row["discount"] or 0.0)
    return {
        "face_id": row["face_id"],
        "photo": row["photo"],
        "box": [row[name] for name in ("x", "y", "w", "h")],
        "quality": row["quality"],
        "pass": row["pass"],
        **{name: row[name] for name in (*SHOWN, "similarity", "runner_up", "margin", "cluster_id")},
        "worth": worth,
    }


def said_briefly(one: Said) -> Row:
    """An answer in short; people who were renamed have the names that they have now."""
    answer = one.answer
    return {
        "id": answer.id,
        "what": answer.what,
        "at": answer.at.isoformat(),
        "by": answer.by,
        "person_id": answer.person_id,
        "person": answer.person,
        "new_person": answer.new_person,
        "faces": len(one.faces),
        "others": len(one.others),
        "cluster": answer.cluster,
        "photo": answer.photo,
    }


def _found(case: Case) -> Row:
    """How the face was found: the photo's reading and orientation, the pass of the search."""
    photo = case.moment.photo(case.row["photo"]) or {}
    row = case.row
    return {
        "pass": row["pass"],
        "drawn_by_a_person": case.drawn,
        "detection_score": row["detection_score"],
        "landmarks": row["landmarks"],
        "reading": photo.get("reading") or 1,
        "profile": photo.get("profile"),
        "orientation": photo.get("orientation"),
        "width": photo.get("width"),
        "height": photo.get("height"),
    }


def _decision(case: Case) -> Row:
    row = case.row
    settled = next((rule for rule in rules(case) if rule.settled), None)
    return {
        **{name: row[name] for name in (*SHOWN, "runner_up", *MEASURED)},
        "worth": case.worth,
        "settled_by": settled.rule if settled else None,
        "because": settled.text if settled else None,
    }


def _thresholds(case: Case) -> list[Row]:
    """The figures that the decision went by, each with where it comes from."""
    moment, figures = case.moment, case.moment.figures
    found = [
        _threshold("match", moment.threshold, _source_of_threshold(moment)),
        _threshold("margin", figures.margin, f"of the model pack {moment.pack.name}"),
        _threshold("quality", case.quality["at_least"], "of this build, for every pack"),
        _threshold("height", case.quality["height_at_least"], "of this build, in pixels"),
    ]
    if case.row["cluster_id"] is not None:
        judged = moment.clustered
        rule = linkage_rule(moment.pack, judged, moment.spec.purity)
        why = f"of the model pack, for {judged:,} faces and purity {moment.spec.purity:g}"
        found.append(_threshold("cluster_of_two", rule.pair, why))
        found.append(_threshold("cluster_of_many", rule.large, why))
    return [*found, *_roster_threshold(case)]


def _threshold(name: str, value: float, source: str) -> Row:
    return {"name": name, "value": value, "from": source}


def _source_of_threshold(moment: Moment) -> str:
    """Where the threshold of a match comes from."""
    kept, figures = moment.calibration, moment.figures
    own = (
        f"of the model pack {moment.pack.name}"
        if kept is None
        else f"measured on this archive and kept on {kept.made:%Y-%m-%d} "
        f"(false match rate {kept.rate:g})"
    )
    if moment.threshold <= figures.threshold:
        return own
    rate = moment.spec.false_positives
    return (
        f"{number(figures.threshold)} {own}, raised for {len(moment.gallery.embeddings):,} "
        f"references: {rate:g} of all strangers may be taken for somebody (--false-positives)"
    )


def _roster_threshold(case: Case) -> list[Row]:
    """The least evidence for a name that only a roster gives, where somebody is missing."""
    cut = case.roster_cut
    if cut is None:
        return []
    why = (
        f"for {cut.people} expected and not found, with {counted(cut.references, 'reference')}, "
        f"and {counted(cut.faces, 'face')} of this photo without a name"
    )
    return [_threshold("expected_here", cut.value, why)]


def _cluster(case: Case) -> Row | None:
    """Its cluster: how large, how named, and the faces of it that it is most like."""
    row, around = case.row, case.decided.around
    if row["cluster_id"] is None:
        return None
    inside = as_bool(isin(around["cluster_id"], [row["cluster_id"]]))
    inside[case.place] = False
    rows = np.flatnonzero(inside)
    near = case.decided.near
    embeddings, weak = near.embeddings, near.weaknesses
    mine = embeddings[np.array([case.place])]
    cosines = (embeddings[rows] @ mine[0]).astype(np.float32)
    own = np.repeat(weak[case.place][None], len(rows), axis=0)
    evidence = evidence_of_pairs(cosines, own, weak[rows])
    order = np.argsort(-evidence, kind="stable")[:ALIKE]
    others = around.take(rows[order]).to_pylist()
    pairs = zip(others, order.tolist(), strict=True)
    return {
        "cluster_id": row["cluster_id"],
        "faces": len(rows) + 1,
        "mean_worth": float(evidence.mean()) if len(rows) else None,
        "matched": None if case.naming is None else case.naming["matched"],
        "person_id": None if case.naming is None else case.naming["person_id"],
        "person": None if case.naming is None else case.name_of(case.naming["person_id"]),
        "most_like": [brief(other) | {"likeness": float(evidence[n])} for other, n in pairs],
    }


def _expected(case: Case) -> list[Row]:
    """Who is expected in its photo, and what became of that; of whom it is the nearest face."""
    photo = case.moment.photo(case.row["photo"])
    if photo is None or not case.moment.expectations.num_rows:
        return []
    rows = case.decided.roll_of(case.moment, photo).to_pylist()
    return [
        {**row, "this_face": row["face_id"] == case.row["face_id"], "near_miss_within": NEAR_MISS}
        for row in rows
    ]
