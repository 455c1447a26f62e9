from headcount.answers.record import Answer, FaceMark
from headcount.contract.record import now
from orchestrator.people.links import Link, Marks, unsaid


def side(*faces: str) -> Marks:
    """Marks of faces, each in the photo that its first letter names."""
    return tuple(FaceMark(face_id=face, content=face[0], box=(0, 0, 1, 1)) for face in faces)


def link(one: Marks, other: Marks, *, apart: bool = False) -> Link:
    return Link(apart, one, other, ("k1", "k2"), "file:///photos/")


def said(what: Link) -> Answer:
    return Answer(at=now(), what=what.action, faces=(*what.one, *what.other))


def test_clusters_that_are_always_in_one_photo_are_not_joined() -> None:
    assert link(side("a1", "b1"), side("c2")).joins
    assert link(side("a1", "b1"), side("b2", "c2")).joins
    assert not link(side("a1", "b1"), side("b2")).joins


def test_what_was_said_holds_until_the_contrary_is_said_of_one_of_its_faces() -> None:
    wanted, more = link(side("a1"), side("b1")), link(side("a1"), side("c1"))
    contrary = link(side("b1"), side("d1"), apart=True)
    assert unsaid([wanted], []) == [wanted]
    assert not unsaid([wanted], [said(wanted), said(more)])
    assert unsaid([wanted], [said(wanted), said(contrary)]) == [wanted]
    assert not unsaid([wanted], [said(contrary), said(wanted)])


def test_a_file_whose_lines_contradict_each_other_means_the_same_however_often_it_is_given() -> (
    None
):
    one, other, third = (
        link(side("a1"), side("b1")),
        link(side("b1"), side("c1"), apart=True),
        link(side("a1"), side("c1")),
    )
    against = link(side("a1"), side("b1"), apart=True)
    for lines in ([one, against], [one, other, third], [against, one, against]):
        kept = [said(line) for line in unsaid(lines, [])]
        assert not unsaid(lines, kept)
    kept = [said(one), said(against), said(one)]
    assert unsaid([one, against], kept) == [against], "somebody has said otherwise since"
    assert unsaid([one, other], [said(other)]) == [one, other], "the last is to stay the last"
