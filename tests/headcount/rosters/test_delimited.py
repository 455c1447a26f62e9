from itertools import product

import pytest

from headcount.errors import FatalError
from headcount.rosters.delimited import SEPARATORS, decode, read_delimited
from headcount.rosters.rows import Cell

PEOPLE = "photo,person\n2024/gala/1.jpg,Zo\u00eb M\u00fcller\n"


def rows_of(text: str) -> list[tuple[int, list[Cell]]]:
    return [(row.number, list(row.cells)) for row in read_delimited(text.encode(), "r.csv").rows]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "utf-32"]
)
def test_the_encoding_is_told_by_the_bytes(encoding: str) -> None:
    assert decode(PEOPLE.encode(encoding), "r.csv") == PEOPLE


def test_the_apostrophe_of_windows_is_no_control_character() -> None:
    assert decode("photo,person\na.jpg,O\u2019Brien\n".encode("cp1252"), "r.csv").endswith(
        "O\u2019Brien\n"
    )


def test_utf_8_with_lines_of_another_encoding_is_refused_by_their_numbers() -> None:
    mixed = "photo,person\na.jpg,Zo\u00eb\n".encode() + "b.jpg,Zo\u00eb\n".encode("latin-1")
    with pytest.raises(FatalError, match="not in the lines 3"):
        decode(mixed, "r.csv")


def test_a_byte_of_no_known_encoding_is_told_with_its_line() -> None:
    with pytest.raises(FatalError, match=r"r\.csv, line 2: the byte 0x81"):
        decode(b"photo,person\na.jpg,\x81\n", "r.csv")


def test_a_mark_that_is_not_kept_is_told() -> None:
    with pytest.raises(FatalError, match="UTF-8, as its start says"):
        decode(b"\xef\xbb\xbfphoto,person\na.jpg,\xeb\n", "r.csv")


@pytest.mark.parametrize(("separator", "end"), [*product(SEPARATORS, ["\n", "\r\n", "\r"])])
def test_the_header_tells_the_separator(separator: str, end: str) -> None:
    text = end.join([f"photo{separator}person", f'a.jpg{separator}"Lovelace, A; Dr.\tX"', ""])
    assert rows_of(text) == [(2, ["a.jpg", "Lovelace, A; Dr.\tX"])]


def test_more_commas_than_semicolons_do_not_make_a_comma_the_separator() -> None:
    text = "photo;person\na.jpg;Lovelace, Ada\nb, c, d.jpg;Byron, George, Lord\n"
    assert rows_of(text)[1] == (3, ["b, c, d.jpg", "Byron, George, Lord"])


def test_a_line_that_tells_excel_the_separator_is_heeded_and_counted() -> None:
    assert rows_of("sep=;\nphoto;person\na.jpg;Ada\n") == [(3, ["a.jpg", "Ada"])]


def test_rows_have_the_number_of_their_first_line() -> None:
    text = 'photo,person\n\na.jpg,"Ada\nBen"\nb.jpg,Cy\n'
    assert rows_of(text) == [(2, []), (3, ["a.jpg", "Ada\nBen"]), (5, ["b.jpg", "Cy"])]


def test_a_title_above_the_header_is_passed_over() -> None:
    assert rows_of("Class of 2024,,\n,,\nPhoto,Person,Note\na.jpg,Ada,\n") == [
        (4, ["a.jpg", "Ada", ""])
    ]


def test_a_quote_that_is_never_closed_is_a_fault_of_its_line() -> None:
    rows = list(read_delimited(b'photo,person\na.jpg,Ada\nb.jpg,"Ben\nc.jpg,Cy\n', "r.csv").rows)
    assert [(row.number, row.fault is None) for row in rows] == [(2, True), (3, False)]
    assert "never closed" in (rows[1].fault or "")


def test_rows_after_a_bad_one_are_read() -> None:
    text = b'photo,person\na.jpg,"Ada" Lovelace\nb.jpg,Ben\n'
    rows = list(read_delimited(text, "r.csv").rows)
    assert "closing quote" in (rows[0].fault or "")
    assert rows[1].cells == ["b.jpg", "Ben"]


def test_a_file_without_a_header_is_told_what_it_begins_with_and_what_is_accepted() -> None:
    with pytest.raises(
        FatalError, match=r"photo,person.*filename.*who.*begins with 'a\.jpg', 'Ada'"
    ):
        read_delimited(b"a.jpg,Ada\n", "r.csv")
    with pytest.raises(FatalError, match="begins with nothing"):
        read_delimited(b"", "r.csv")
