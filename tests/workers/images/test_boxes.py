"""Boxes of HEIC and AVIF: what they say of the primary item, in whole, cut and hostile files."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image as Pillow

from tests.workers.boxed import box, full
from tests.workers.pictures import encoded, scene, turned_by_exif
from workers.images.boxes import MAX_STEPS, read_boxes

IROT, IMIR_ROWS, IMIR_COLUMNS = box(b"irot", b"\1"), box(b"imir", b"\0"), box(b"imir", b"\1")
"""A quarter anticlockwise; top and bottom changed; left and right changed."""


def heic(
    *properties: bytes,
    owned: dict[int, list[int]],
    kinds: dict[int, bytes] | None = None,
    references: list[tuple[bytes, int, int]] | None = None,
    places: dict[int, tuple[int, int]] | None = None,
) -> bytes:
    """A file of boxes without pixels whose primary item is 1."""
    kinds = kinds or {1: b"hvc1"}
    entries = [full(b"infe", struct.pack(">HH", i, 0), k, version=2) for i, k in kinds.items()]
    links = [box(k, struct.pack(">HHH", one, 1, other)) for k, one, other in references or []]
    owners = [struct.pack(f">HB{len(p)}B", i, len(p), *p) for i, p in owned.items()]
    located = [struct.pack(">HHHII", i, 0, 1, *at) for i, at in (places or {}).items()]
    meta = full(
        b"meta",
        full(b"pitm", struct.pack(">H", 1)),
        full(b"iinf", struct.pack(">H", len(entries)), *entries),
        full(b"iref", *links),
        box(b"iprp", box(b"ipco", *properties), full(b"ipma", _count(owners), *owners)),
        full(b"iloc", b"\x44\0", struct.pack(">H", len(located)), *located),
    )
    return box(b"ftyp", b"heic\0\0\0\0") + meta


def _count(entries: list[bytes]) -> bytes:
    return struct.pack(">I", len(entries))


def turn(data: bytes) -> int | None:
    found = read_boxes(data)
    assert found is not None
    return found.turn


def lacks(data: bytes) -> str | None:
    found = read_boxes(data)
    assert found is not None
    return found.lacks


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ((), None),
        ((IROT,), 8),
        ((IMIR_ROWS,), 4),
        ((IMIR_COLUMNS,), 2),
        ((IROT, IMIR_COLUMNS), 7),
        ((IMIR_COLUMNS, IROT), 5),
        ((IROT, IROT), 3),
        ((box(b"irot", b"\0"),), 1),
    ],
)
def test_turning_boxes_count_in_their_order(
    properties: tuple[bytes, ...], expected: int | None
) -> None:
    owned = {1: list(range(1, len(properties) + 1))}
    assert turn(heic(*properties, owned=owned)) == expected


def test_only_the_boxes_of_the_primary_item_count() -> None:
    kinds = {1: b"hvc1", 2: b"hvc1"}
    assert turn(heic(IROT, owned={2: [1]}, kinds=kinds)) is None
    assert turn(heic(IROT, IMIR_ROWS, owned={1: [2], 2: [1]}, kinds=kinds)) == 4


def test_a_property_that_is_not_there_is_none() -> None:
    assert turn(heic(IROT, owned={1: [0, 7]})) is None


def test_an_item_that_stands_for_another_is_turned_as_both_say() -> None:
    kinds, references = {1: b"iden", 2: b"hvc1"}, [(b"dimg", 1, 2)]
    data = heic(IROT, owned={1: [1], 2: [1]}, kinds=kinds, references=references)
    assert turn(data) == 3


def test_items_that_stand_for_each_other_come_to_an_end() -> None:
    kinds, references = {1: b"iden", 2: b"iden"}, [(b"dimg", 1, 2), (b"dimg", 2, 1)]
    assert turn(heic(owned={}, kinds=kinds, references=references)) is None


def test_an_item_beyond_the_end_is_lacking_whatever_it_claims() -> None:
    whole = heic(owned={}, places={1: (0, 20)})
    assert lacks(whole) is None
    assert lacks(heic(owned={}, places={1: (0, len(whole))})) is None
    assert lacks(heic(owned={}, places={1: (1, len(whole))})) == "truncated file"
    assert lacks(heic(owned={}, places={1: (2**32 - 1, 2**32 - 1)})) == "truncated file"


def test_what_the_picture_is_not_made_of_may_lack() -> None:
    kinds = {1: b"hvc1", 2: b"hvc1"}
    assert lacks(heic(owned={}, kinds=kinds, places={1: (0, 9), 2: (0, 9999)})) is None


def test_exif_that_would_turn_the_picture_must_be_there() -> None:
    kinds, references = {1: b"hvc1", 2: b"Exif"}, [(b"cdsc", 2, 1)]
    places = {1: (0, 9), 2: (0, 9999)}
    lost = heic(owned={}, kinds=kinds, references=references, places=places)
    assert lacks(lost) == "truncated file"
    boxed = heic(IROT, owned={1: [1]}, kinds=kinds, references=references, places=places)
    assert lacks(boxed) is None


@pytest.mark.parametrize(("described", "expected"), [(1, b"MM\0*abcd"), (3, b"")])
def test_the_exif_of_the_primary_item_is_given(described: int, expected: bytes) -> None:
    kinds, exif = {1: b"hvc1", 2: b"Exif", 3: b"hvc1"}, b"\0\0\0\2..MM\0*abcd"
    references = [(b"cdsc", 2, described)]
    size = len(heic(owned={}, kinds=kinds, references=references, places={2: (0, 0)}))
    places = {2: (size, len(exif))}
    found = read_boxes(heic(owned={}, kinds=kinds, references=references, places=places) + exif)
    assert found is not None
    assert found.exif == expected


def test_a_file_that_ends_within_its_tables_is_truncated() -> None:
    data = heic(owned={1: []})
    assert {lacks(data[:end]) for end in range(26, len(data))} == {"truncated file"}


@pytest.mark.parametrize("data", [b"", b"ftyp", b"\0\0\0\x08ftyp", encoded(scene(9, 9), "PNG")])
def test_other_files_have_no_boxes(data: bytes) -> None:
    assert read_boxes(data) is None


def test_a_box_that_claims_less_than_its_head_is_no_box() -> None:
    assert read_boxes(box(b"ftyp", b"heic\0\0\0\0") + b"\0\0\0\x04meta" + bytes(50)) is None


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_damaged_boxes_never_raise(kind: str) -> None:
    chance = np.random.default_rng(17)
    data = turned_by_exif(Pillow.fromarray(scene(128, 64)), 6, kind, 6)
    end = data.index(b"mdat")
    for _ in range(3000):
        damaged = bytearray(data)
        for at in chance.integers(8, end, 4):
            damaged[at] = chance.choice((0, 1, 0x7F, 0xFF))
        read_boxes(bytes(damaged))


def test_millions_of_entries_are_given_up() -> None:
    count = 4_000_000
    entries = struct.pack(">I", count) + struct.pack(">HB", 1, 0) * count
    meta = full(b"meta", full(b"pitm", b"\0\1"), box(b"iprp", full(b"ipma", entries)))
    steps = count * 2
    assert steps > MAX_STEPS
    assert read_boxes(box(b"ftyp", b"heic\0\0\0\0") + meta) is None


def test_items_that_are_all_made_of_each_other_are_walked_once() -> None:
    items = struct.pack(">300H", *range(1, 301))
    links = [box(b"dimg", struct.pack(">HH", item, 300), items) for item in range(1, 301)]
    meta = full(b"meta", full(b"pitm", b"\0\1"), full(b"iref", *links))
    assert lacks(box(b"ftyp", b"heic\0\0\0\0") + meta) is None
