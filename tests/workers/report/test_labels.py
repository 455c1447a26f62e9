from dataclasses import replace

import pytest

from headcount.contract.vocabulary import Box, Decision
from tests.workers.report.test_annotate import shown
from workers.report import labels as labelling
from workers.report.annotate import Pen
from workers.report.labels import Label, Rect, place, wordings
from workers.report.view import ShownFace


def labels_of(
    faces: list[ShownFace], width: int, height: int
) -> tuple[list[Label], Rect, list[Rect]]:
    within = Rect(0, 0, width, height)
    frames = [
        Rect(int(f.box.x), int(f.box.y), int(f.box.x + f.box.w), int(f.box.y + f.box.h))
        for f in faces
    ]
    return place(faces, frames, size=Pen.of(within, frames).text, within=within), within, frames


def overlap(a: Rect, b: Rect) -> int:
    across = min(a.right, b.right) - max(a.left, b.left)
    down = min(a.bottom, b.bottom) - max(a.top, b.top)
    return max(0, across) * max(0, down)


def crowd(columns: int = 10, rows: int = 5) -> list[ShownFace]:
    decisions = (Decision.MATCHED, Decision.UNKNOWN, Decision.INFERRED)
    return [
        shown(
            Box(20 + 98 * (n % columns), 60 + 130 * (n // columns), 34, 44),
            decisions[n % 3],
            f"Person {n}",
            cluster_id=f"c{n:03x}beef",
        )
        for n in range(columns * rows)
    ]


def test_labels_stay_within_the_image_even_at_its_edges():
    corners = [(0, 0), (570, 0), (0, 330), (570, 330)]
    faces = [shown(Box(x, y, 70, 70), person="Maximiliane von Habsburg") for x, y in corners]
    labels, within, _ = labels_of(faces, 640, 400)
    assert len(labels) == 4
    for label in labels:
        assert 0 <= label.rect.left < label.rect.right <= within.right
        assert 0 <= label.rect.top < label.rect.bottom <= within.bottom
        assert label.line.width <= label.rect.width


def test_fifty_people_in_rows_have_fifty_labels_that_cover_neither_each_other_nor_a_face():
    faces = crowd()
    labels, _, frames = labels_of(faces, 1024, 768)
    assert len(labels) == 50
    for number, label in enumerate(labels):
        assert all(overlap(label.rect, other.rect) == 0 for other in labels[number + 1 :])
        assert all(overlap(label.rect, frame) == 0 for frame in frames)


def test_what_a_label_says():
    box = Box(0, 0, 9, 9)
    unknown = shown(box, Decision.UNKNOWN, cluster_id="c3f2a9")
    assert wordings(shown(box))[0] == "Ada Lovelace 0.71"
    assert wordings(shown(box, Decision.INFERRED))[0] == "~ Ada Lovelace 0.71"
    assert wordings(unknown)[0] == "? unknown c3f2"
    assert wordings(shown(box, Decision.UNKNOWN))[0] == "? unknown"
    assert wordings(shown(box, Decision.IGNORED)) == ()


def test_a_name_that_cannot_be_drawn_is_a_number_from_the_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(labelling, "can_draw", lambda name: name.isascii())
    faces = [shown(Box(x, 50, 20, 20), person=name) for x, name in ((90, "李明"), (10, "Ada"))]
    frames = [Rect(x, 50, x + 20, 70) for x in (90, 10)]
    placed = place(faces, frames, size=12, within=Rect(0, 0, 400, 200))
    texts = sorted(label.line.text for label in placed)
    assert [text.split(" 0")[0] for text in texts] == ["Ada", "face 2"]


def test_a_similarity_that_looks_like_the_threshold_has_more_digits() -> None:
    face = replace(shown(Box(0, 0, 9, 9)), similarity=0.3641, threshold=0.3634)
    assert wordings(face)[0].endswith(" 0.364")
    assert wordings(replace(face, threshold=0.5))[0].endswith(" 0.36")
