from pathlib import Path

import numpy as np
import pyarrow as pa

from headcount.answers.renames import Renames
from headcount.contract.columns import QUALITY_PARTS
from headcount.s3_settings import S3Settings
from headcount.tables.schemas import gallery_schema
from headcount.tables.table import Table
from tests.workers.archives import MadeUp, made_up, random_embeddings
from workers.people.gallery import NOBODY_ENROLLED, load_gallery, without_people
from workers.tables.rows import fixed_lists

ROWS = random_embeddings(4, 1)


def gallery_of(archive: MadeUp) -> Table:
    return Table(archive.uri, archive.keys.gallery, S3Settings())


def enrol(table: Table, *references: tuple[str, str, int]) -> None:
    """Append references of person id, photo and row of ROWS."""
    count = len(references)
    columns = {
        "person_id": [person for person, _, _ in references],
        "person": [person.title() for person, _, _ in references],
        "source": ["file:///people/"] * count,
        "photo": [photo for _, photo, _ in references],
        "etag": ["e"] * count,
        "content": ["c"] * count,
        **{name: [float(row) for _, _, row in references] for name in "xywh"},
        "quality": [0.9] * count,
        "descriptor": fixed_lists(ROWS[[row for _, _, row in references]].astype(np.float16)),
        "reading": [None] * count,
        "orientation": [6, *[None] * (count - 1)],
        **dict.fromkeys(QUALITY_PARTS, [None] * count),
    }
    table.append(pa.table(columns, schema=gallery_schema(ROWS.shape[1])))


def test_an_archive_without_references_has_nobody_enrolled(tmp_path: Path) -> None:
    assert (
        load_gallery(gallery_of(made_up(tmp_path, {})), cosine_per_decade=0.05) is NOBODY_ENROLLED
    )
    assert len(NOBODY_ENROLLED) == 0


def test_references_are_sorted_by_person_and_one_written_twice_counts_once(
    tmp_path: Path,
) -> None:
    table = gallery_of(made_up(tmp_path, {}))
    enrol(table, ("grace", "g.jpg", 0), ("ada", "2.jpg", 1), ("ada", "1.jpg", 2))
    enrol(table, ("ada", "2.jpg", 1))
    gallery = load_gallery(table, cosine_per_decade=0.05)
    assert gallery.person_ids == ("ada", "grace")
    assert gallery.names == ("Ada", "Grace")
    assert gallery.photos == ("1.jpg", "2.jpg", "g.jpg")
    assert [list(gallery.references(person)) for person in range(2)] == [[0, 1], [2]]
    np.testing.assert_allclose(gallery.embeddings, ROWS[[2, 1, 0]], atol=1e-3)
    assert gallery.boxes[:, 0].tolist() == [2, 1, 0]
    assert [gallery.orientation(row) for row in range(3)] == [0, 6, 6]


def test_a_forgotten_person_is_not_read(tmp_path: Path) -> None:
    table = gallery_of(made_up(tmp_path, {}))
    enrol(table, ("grace", "g.jpg", 0), ("ada", "a.jpg", 1))
    assert load_gallery(table, cosine_per_decade=0.05, forgotten={"ada"}).names == ("Grace",)


def test_people_who_were_renamed_have_their_new_names_and_those_of_one_name_are_one(
    tmp_path: Path,
) -> None:
    table = gallery_of(made_up(tmp_path, {}))
    enrol(table, ("ada", "a.jpg", 0), ("bea", "b.jpg", 1), ("grace", "g.jpg", 2))
    renames = Renames({"ada": ("zoe", "Zoe"), "bea": ("zoe", "Zoe")})
    gallery = load_gallery(table, cosine_per_decade=0.05, renames=renames)
    assert gallery.person_ids == ("grace", "zoe")
    assert gallery.names == ("Grace", "Zoe")
    assert gallery.photos == ("g.jpg", "a.jpg", "b.jpg")
    for forgotten in ({"zoe"}, {"ada", "bea"}):
        left = load_gallery(table, cosine_per_decade=0.05, renames=renames, forgotten=forgotten)
        assert left.names == ("Grace",)


def test_people_who_are_left_out_take_their_references_with_them(tmp_path: Path) -> None:
    table = gallery_of(made_up(tmp_path, {}))
    enrol(table, ("ada", "a/1.jpg", 0), ("ada", "a/2.jpg", 1), ("bo", "b/1.jpg", 2), ("cy", "c", 3))
    whole = load_gallery(table, cosine_per_decade=0.05)
    bo = whole.person_ids[whole.names.index("Bo")]
    found = without_people(whole, {bo})
    kept = [row for row, photo in enumerate(whole.photos) if photo != "b/1.jpg"]
    assert set(found.names) == {"Ada", "Cy"}
    assert found.photos == tuple(whole.photos[row] for row in kept)
    assert np.array_equal(found.embeddings, whole.embeddings[kept])
    ada = found.names.index("Ada")
    assert [found.photos[row] for row in found.references(ada)] == ["a/1.jpg", "a/2.jpg"]
    assert without_people(whole, set()) is whole
    assert len(without_people(whole, set(whole.person_ids))) == 0
