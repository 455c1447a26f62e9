import pytest

from headcount.rosters.rows import COLUMN_NAMES, BadCell, Header, Row, find_header, read_header


def test_columns_are_known_by_any_of_their_names_in_any_case_and_order() -> None:
    for scope in COLUMN_NAMES["scope"]:
        for person in COLUMN_NAMES["person"]:
            for needed in COLUMN_NAMES["needed"]:
                row = Row(1, [needed.upper(), "note", f" {person.title()} ", scope])
                assert read_header(row) == Header(3, 2, 0, 4)


@pytest.mark.parametrize("name", ["File name", "file_name", "FILE-NAME", "Filename\u00a0"])
def test_blanks_and_signs_in_names_do_not_matter(name: str) -> None:
    assert read_header(Row(1, [name, "who"])) == Header(0, 1, None, 2)


def test_our_own_names_win_over_others() -> None:
    assert read_header(Row(1, ["name", "person", "file", "photo"])) == Header(3, 1, None, 4)
    assert read_header(Row(1, ["photo", "scope", "person"])) == Header(1, 2, None, 3)


def test_two_columns_that_could_be_meant_are_refused() -> None:
    with pytest.raises(ValueError, match="'path', 'filename'"):
        read_header(Row(1, ["path", "filename", "person"]))
    with pytest.raises(ValueError, match="'person', 'person'"):
        read_header(Row(1, ["photo", "person", "person"]))


def test_a_row_that_names_one_of_the_two_is_no_header() -> None:
    assert read_header(Row(1, ["photo", "note"])) is None
    assert read_header(Row(1, [BadCell("a date"), "person"])) is None


def test_the_header_is_looked_for_in_the_first_rows_only() -> None:
    def rows(above: int) -> list[Row]:
        titles = [Row(n, ["title"]) for n in range(above)]
        return [*titles, Row(above, []), Row(above + 1, ["photo", "person"]), Row(99, ["a", "b"])]

    sheet = find_header(rows(9))
    assert sheet is not None
    assert [row.number for row in sheet.rows] == [99]
    assert find_header(rows(10)) is None
