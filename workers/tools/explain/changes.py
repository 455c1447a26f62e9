"""What would change a face's decision: how much it lacks or has to spare, and lines to paste."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from headcount.contract.vocabulary import ANOTHER_FACE, REJECTED, Decision
from headcount.text import counted
from workers.identity.cluster_ids import MIN_MATCHED_SHARE
from workers.tools.explain.case import Case, line
from workers.tools.explain.numbers import against, missing, number
from workers.tools.explain.quality_parts import pulled_down_by

SOMEBODY = "NAME"
"""Stands for a name in a line that is to be completed."""
NEARLY = 0.15
"""Evidence below the threshold, at most, for the nearest person to be proposed as the name."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that would change a decision, and the line for ``headcount apply``, if one does."""

    text: str
    line: str | None = None


def changes(case: Case) -> list[Change]:
    """What would change the decision on a face, the nearest first."""
    if case.row["decision"] == Decision.IGNORED:
        return [*_ignored(case)]
    if case.by_hand:
        return [*_named(case)]
    if case.row["decision"] == Decision.MATCHED:
        return [*_matched(case)]
    if case.row["decision"] == Decision.INFERRED:
        return [*_inferred(case)]
    return [*_unknown(case)]


def _ignored(case: Case) -> Iterator[Change]:
    face, found = case.row["face_id"], case.quality
    if face in case.moment.answers.claims.not_faces:
        yield Change(
            "A later answer that names it makes it a face again.", line("name", [face], SOMEBODY)
        )
        yield from _undo(case, "not_a_face")
        return
    if found["height"] < found["height_at_least"]:
        yield Change(
            f"A larger picture of it: it is {found['height']:.0f} pixels high, and "
            f"{found['height_at_least']:.0f} are needed."
        )
    if found["quality"] < found["at_least"]:
        have, least = against(found["quality"], found["at_least"])
        yield Change(
            f"{missing(found['quality'], found['at_least'])} more quality ({have} of {least}): "
            f"it is {pulled_down_by(found)}."
        )
    yield Change(
        "Naming it: a named face has its name, however poor the picture.",
        line("name", [face], SOMEBODY),
    )


def _named(case: Case) -> Iterator[Change]:
    row = case.row
    yield Change(
        f"An answer that it is not {row['person']}.", line("not", [row["face_id"]], row["person"])
    )
    yield Change("Another name.", line("name", [row["face_id"]], SOMEBODY))
    yield from _undo(case, "name", "confirm", "face")


def _undo(case: Case, *words: str) -> Iterator[Change]:
    for one in case.said_of(*words)[-1:]:
        yield Change(f"Taking the answer back: `headcount answers --undo {one.answer.id}`.")


def _matched(case: Case) -> Iterator[Change]:
    row, moment = case.row, case.moment
    worth, limit = case.worth or 0.0, moment.threshold
    have, needed = against(worth, limit)
    yield Change(
        f"A threshold above {have}: it has {missing(worth, limit)} to spare over {needed}."
    )
    if row["margin"] is not None:
        lead, least = against(row["margin"], moment.figures.margin)
        yield Change(
            f"A runner-up nearer by {missing(row['margin'], moment.figures.margin)}: it leads by "
            f"{lead}, and {least} is needed."
        )
    yield from _without_best_reference(case)
    yield Change(
        f"An answer that it is not {row['person']}.", line("not", [row["face_id"]], row["person"])
    )


def _without_best_reference(case: Case) -> Iterator[Change]:
    """What is left without the reference that is nearest."""
    person = next((p for p in case.nearest if p["person_id"] == case.row["person_id"]), None)
    if person is None:
        return
    first, *others = person["references"]
    if not others:
        yield Change(
            f"Without its one reference ({first['photo']}) there would be nobody of this name."
        )
        return
    have, limit = against(others[0]["worth"], case.moment.threshold)
    still = "still enough" if others[0]["worth"] >= case.moment.threshold else "too little"
    yield Change(
        f"Without the nearest reference ({first['photo']}) the next gives {have} of {limit}: "
        f"{still}."
    )


def _inferred(case: Case) -> Iterator[Change]:
    row, naming = case.row, case.naming
    if row["nearest_person_id"] == row["person_id"]:
        yield from _lacks(case)
    if naming is not None and not case.by_roster:
        least = max(1, -int(-MIN_MATCHED_SHARE * naming["faces"] // 1))
        spare = naming["matched"] - least
        yield Change(
            f"{counted(spare + 1, 'matched face')} fewer in its cluster, or one that is matched to "
            "somebody else: then the cluster lends no name."
        )
    if case.by_roster:
        yield Change("Without the line of the roster it would have no name.")
    yield Change(
        f"An answer that it is {row['person']}: then it is matched whatever it is like.",
        line("confirm", [row["face_id"]], row["person"]),
    )
    yield Change(
        f"An answer that it is not {row['person']}.", line("not", [row["face_id"]], row["person"])
    )


def _unknown(case: Case) -> Iterator[Change]:
    row, face = case.row, case.row["face_id"]
    if row["evidence"] == REJECTED:
        yield from _undo(case, "not", "apart")
    if row["evidence"] == ANOTHER_FACE:
        other = case.holder(row["nearest_person_id"])
        if other is not None:
            yield Change(
                f"An answer that the other face of this photo is not {row['nearest']}.",
                line("not", [other["face_id"]], row["nearest"]),
            )
    yield from _lacks(case)
    if row["nearest"] is None:
        yield Change("People enrolled: `headcount run --people FOLDER`, or a name.")
    elif (case.worth or 0.0) >= case.moment.threshold - NEARLY:
        yield Change(
            f"An answer that it is {row['nearest']}; it becomes a reference.",
            line("name", [face], row["nearest"]),
        )
    yield Change("A name; the face becomes a reference.", line("name", [face], SOMEBODY))


def _lacks(case: Case) -> Iterator[Change]:
    """What a face lacks for a match by itself."""
    row, moment = case.row, case.moment
    if case.worth is None:
        return
    if not case.enough:
        have, limit = against(case.worth, moment.threshold)
        yield Change(
            f"{missing(case.worth, moment.threshold)} more similarity to {row['nearest']} "
            f"({have} of {limit}): a further reference that is more like this picture."
        )
        if (row["similarity"] or 0.0) >= moment.threshold:
            yield Change(
                f"A better picture of it or a better reference: its similarity of "
                f"{number(row['similarity'])} would do, but both pictures are poor."
            )
    if not case.clear and case.worth >= moment.threshold - NEARLY:
        lead, least = against(row["margin"], moment.figures.margin)
        text = f"A margin of {least} (has {lead}): a further reference of {row['nearest']}"
        if _leads_over_third(case):
            text += f", or an answer that it is not {row['runner_up']}"
            yield Change(f"{text}.", line("not", [row["face_id"]], row["runner_up"]))
        else:
            yield Change(f"{text}.")


def _leads_over_third(case: Case) -> bool:
    """Whether the face would be clear without the runner-up."""
    others = [p for p in case.nearest if not p["not_this_person"]][2:3]
    margin = case.moment.figures.margin
    return not others or (case.worth or 0.0) - float(others[0]["worth"]) >= margin
