"""The rules that a face's decision went through, in order, and which of them settled it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from headcount.answers.claims import Said
from headcount.contract.vocabulary import NAMED_BY_PERSON, REJECTED, Decision
from headcount.text import counted
from workers.identity.cluster_ids import MIN_MATCHED_SHARE
from workers.tools.explain.case import Case, Row
from workers.tools.explain.numbers import against
from workers.tools.explain.quality_parts import pulled_down_by

Held = Literal["for", "against", "aside"]
"""A rule speaks for a name, against one, or does not apply."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, how it held, and why, in a sentence; ``answers`` are the ids of those it rests on."""

    rule: str
    held: Held
    text: str
    answers: tuple[str, ...] = ()
    settled: bool = False


def rules(case: Case) -> list[Rule]:
    """The rules that a face went through; exactly one of them settled its decision."""
    found = [*_before(case), *_alone(case), *_by_others(case)]
    settled = _settled_by(case)
    return [
        Rule(one.rule, one.held, one.text, one.answers, settled=one.rule == settled)
        for one in found
    ]


def because(case: Case) -> str:
    """The rule that settled a face's decision, in a sentence."""
    return next((rule.text for rule in rules(case) if rule.settled), "")


def _settled_by(case: Case) -> str:
    """The name of the rule that settled the decision."""
    row, decision = case.row, case.row["decision"]
    is_none = row["face_id"] in case.moment.answers.claims.not_faces
    order = [
        (is_none, "not_a_face"),
        (decision == Decision.IGNORED, "quality"),
        (case.by_hand, "named_by_a_person"),
        (case.by_roster, "expected_here"),
        (decision == Decision.INFERRED, "name_of_the_cluster"),
        (case.worth is None, "nearest_person"),
        (row["evidence"] == REJECTED, "not_this_person"),
        (not case.enough, "threshold"),
        (not case.clear, "margin"),
        (decision == Decision.MATCHED, "threshold"),
    ]
    return next((rule for holds, rule in order if holds), "nobody_twice")


def _before(case: Case) -> Iterator[Rule]:
    """Whether it is judged at all, and what people said of it."""
    if case.said_of("not_a_face"):
        is_none = case.row["face_id"] in case.moment.answers.claims.not_faces
        held = "it is ignored" if is_none else "a later answer says that it is"
        yield _told(
            "not_a_face",
            "against" if is_none else "aside",
            f"A person said that there is no face; {held}.",
            case.said_of("not_a_face"),
        )
    yield _quality(case)
    names = [one for one in case.said if one.names]
    if names:
        last = names[-1].answer
        text = f"A person named it {last.person}"
        if case.by_hand:
            yield _told(
                "named_by_a_person",
                "for",
                f"{text}; it has this name whatever it is "
                "like, until a later answer says otherwise.",
                names,
            )
        else:
            yield _told(
                "named_by_a_person",
                "aside",
                f"{text}; that does not hold any more, since a later answer says "
                "otherwise, or nobody of this name has a reference.",
                names,
            )


def _told(rule: str, held: Held, text: str, said: list[Said]) -> Rule:
    return Rule(rule, held, text, tuple(one.answer.id for one in said))


def _quality(case: Case) -> Rule:
    found = case.quality
    have, least = against(found["quality"], found["at_least"])
    tall = f"{found['height']:.0f} pixels high"
    if found["usable"]:
        return Rule(
            "quality",
            "for",
            f"Good enough to judge: quality {have} of at least {least}, "
            f"{tall} of at least {found['height_at_least']:.0f}.",
        )
    if found["height"] < found["height_at_least"]:
        return Rule(
            "quality",
            "against",
            f"Too small to judge: {tall}, at least {found['height_at_least']:.0f} needed.",
        )
    if found["quality"] >= found["at_least"]:
        return Rule("quality", "against", "Not judged: the recogniser gave no embedding for it.")
    return Rule(
        "quality",
        "against",
        f"Too poor to judge: quality {have}, at least {least} needed; "
        f"it is {pulled_down_by(found)}.",
    )


def _alone(case: Case) -> Iterator[Rule]:
    """What the face says by itself."""
    row, moment = case.row, case.moment
    yield from _not_this_person(case)
    if case.worth is None:
        yield Rule(
            "nearest_person",
            "against",
            "Nobody to compare it with: nobody is enrolled, or "
            "people said that it is none of those who are.",
        )
        return
    have, limit = against(case.worth, moment.threshold)
    discount = row["discount"] or 0.0
    less = f", less {discount:.2f} for what both pictures lack" if discount >= 0.005 else ""
    text = f"The nearest is {row['nearest']}, at {have}{less}; a match needs {limit}."
    yield Rule("threshold", "for" if case.enough else "against", text)
    if row["margin"] is None:
        yield Rule("margin", "for", "There is no runner-up.")
        return
    lead, needed = against(row["margin"], moment.figures.margin)
    text = f"It leads by {lead} over the runner-up, {row['runner_up']}; {needed} is needed."
    yield Rule("margin", "for" if case.clear else "against", text)


def _not_this_person(case: Case) -> Iterator[Rule]:
    """The people whom it is said not to be."""
    if case.barred:
        names = ", ".join(sorted(case.name_of(person) for person in case.barred))
        said = case.said_of("not")
        yield _told(
            "not_this_person",
            "against",
            f"A person said that it is not {names}: it is never matched to them.",
            said,
        )
    for one in case.said_of("apart"):
        mine = case.row["face_id"] in one.faces
        others = len(one.others if mine else one.faces)
        yield _told(
            "kept_apart",
            "against",
            "A person said that it is somebody else than "
            f"{counted(others, 'face')}: they are never one cluster.",
            [one],
        )
    for one in case.said_of("same"):
        yield _told(
            "kept_together",
            "for",
            "A person said that it is the same person as "
            f"{counted(len({*one.faces, *one.others}) - 1, 'other face')}.",
            [one],
        )


def _by_others(case: Case) -> Iterator[Rule]:
    """What the other faces of its photo and cluster say, and the roster."""
    row = case.row
    alone = case.enough and case.clear and case.quality["usable"]
    holder = case.holder(row["nearest_person_id"])
    if alone and not case.by_hand and not case.ignored:
        yield _nobody_twice(case, holder)
    yield from _of_cluster(case)
    if case.by_roster:
        yield _expected_here(case)
    if row["face_id"] in case.moment.answers.claims.dismissed:
        yield _told(
            "dismissed",
            "aside",
            "A person said to leave this stranger alone; matching goes on.",
            case.said_of("dismiss"),
        )


def _expected_here(case: Case) -> Rule:
    """The rule of a name that only the roster gives."""
    row, cut = case.row, case.roster_cut
    text = f"{row['person']} is expected in this photo and was not found in it otherwise"
    if cut is not None and row["nearest_person_id"] == row["person_id"] and case.worth is not None:
        have, least = against(case.worth, cut.value)
        text += f": {least} is enough here, and it has {have}"
    return Rule("expected_here", "for", f"{text}.")


def _nobody_twice(case: Case, holder: Row | None) -> Rule:
    row = case.row
    if row["decision"] != Decision.UNKNOWN:
        same = holder is not None and row["decision"] == Decision.MATCHED
        text = f"No other face of this photo is nearer to {row['nearest']}."
        if same:
            text = (
                f"Another face of this photo is {row['nearest']} too: both are the same picture, "
                "as in a mirror."
            )
        return Rule("nobody_twice", "for", text)
    other = "another face of this photo" + (f" ({holder['face_id']})" if holder else "")
    by_hand = holder is not None and holder["evidence"] == NAMED_BY_PERSON
    why = f"a person named {other}" if by_hand else f"{other} is nearer to"
    return Rule("nobody_twice", "against", f"Nobody is in a photo twice: {why} {row['nearest']}.")


def _of_cluster(case: Case) -> Iterator[Rule]:
    """Whether the cluster's name is lent to it, or why not."""
    row, naming = case.row, case.naming
    if row["cluster_id"] is None:
        return
    if naming is None:
        share = f"{MIN_MATCHED_SHARE:.0%}".replace("%", " %")
        yield Rule(
            "name_of_the_cluster",
            "aside",
            "Its cluster lends no name: that takes matched "
            f"faces of one person alone, and at least {share} of its faces.",
        )
        return
    name = case.name_of(naming["person_id"])
    share = f"{naming['matched']} of {counted(naming['faces'], 'face')} of its cluster"
    if row["decision"] == Decision.INFERRED and not case.by_roster:
        yield Rule(
            "name_of_the_cluster",
            "for",
            f"{share} were matched to {name}, and to nobody else: it has their name.",
        )
    elif row["decision"] == Decision.UNKNOWN:
        yield Rule(
            "name_of_the_cluster",
            "against",
            f"{share} were matched to {name}, but it does not get this name: "
            f"{_not_lent(case, naming['person_id'], name)}.",
        )


def _not_lent(case: Case, person: str, name: str) -> str:
    """The reason why a named cluster does not lend its name to a face."""
    if person in case.barred:
        return f"a person said that it is not {name}"
    if case.enough and case.row["nearest_person_id"] != person:
        return f"it is like {case.row['nearest']} enough for a match"
    if case.holder(person):
        return f"{name} is another face of its photo"
    return "another face of its photo, of better quality, has it"
