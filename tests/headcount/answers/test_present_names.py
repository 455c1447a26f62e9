import pyarrow as pa

from headcount.answers.present_names import with_present_names
from headcount.answers.renames import Renames

TABLE = pa.table({"person_id": ["ada", None, "ben"], "face": [1, 2, 3], "person": ["A", None, "B"]})


def test_people_are_called_as_they_are_now_and_nobody_stays_nobody() -> None:
    found = with_present_names(TABLE, Renames({"ada": ("zoe", "Zoe"), "cy": ("eve", "Eve")}))
    assert found["person_id"].to_pylist() == ["zoe", None, "ben"]
    assert found["person"].to_pylist() == ["Zoe", None, "B"]
    assert found.schema == TABLE.schema


def test_without_renames_a_table_is_as_it_was() -> None:
    assert with_present_names(TABLE, Renames()) is TABLE
