import csv
import io
import random

import pytest

from headcount.contract.vocabulary import person_id
from headcount.errors import FatalError
from headcount.rosters.read import LINES, Roster, read_roster
from tests.headcount.rosters.workbooks import NOT_AVAILABLE, page, workbook

Line = tuple[int, str, str, str]


def read(text: str) -> Roster:
    return read_roster(text.encode(), "r.csv")


def lines_of(roster: Roster) -> list[Line]:
    columns = ("line", "scope", "person", "needed")
    return [tuple(row[c] for c in columns) for row in roster.lines.to_pylist()]


def fault_of(text: str) -> str:
    with pytest.raises(FatalError) as caught:
        read(text)
    return str(caught.value)


def test_a_line_is_a_scope_a_person_and_what_is_needed() -> None:
    roster = read("scope,person,needed\na/b.jpg,Ada,\na/,Ben,every\n*,Cy,Some\n**/x?.jpg,Di,once\n")
    assert lines_of(roster) == [
        (2, "a/b.jpg", "Ada", "every"),
        (3, "a/", "Ben", "every"),
        (4, "*", "Cy", "some"),
        (5, "**/x?.jpg", "Di", "some"),
    ]
    assert roster.lines.schema == LINES
    assert roster.lines["person_id"][0].as_py() == person_id("Ada")


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("photo,person\na.jpg,Ada\nb.jpg,Ben\n", [("a.jpg", "Ada"), ("b.jpg", "Ben")]),
        ("person,photo,note\nAda,a.jpg,x\n\nBen,b.jpg,\n", [("a.jpg", "Ada"), ("b.jpg", "Ben")]),
        ("photo,person\na.jpg,Ada\nb.jpg\nc.jpg,\n ,Ben\n", [("a.jpg", "Ada")]),
        (
            '\ufeffphoto,person\r\n"a,b.jpg"," Ada ""A"" Lovelace "\r\n[x]*?.jpg,=Ada\r\n',
            [("a,b.jpg", 'Ada "A" Lovelace'), ("[x]*?.jpg", "=Ada")],
        ),
        ("photo,person\n", []),
    ],
)
def test_a_file_of_photo_and_person_is_a_roster(text: str, pairs: list[tuple[str, str]]) -> None:
    assert [(scope, person) for _, scope, person, _ in lines_of(read(text))] == pairs


def test_lines_that_expect_nobody_are_told_by_their_numbers() -> None:
    roster = read("photo,person\na.jpg,Ada\nb.jpg\nc.jpg, ;\n ,Ben\n")
    assert (roster.nobody, roster.nowhere) == ((3, 4), (5,))


def test_several_people_may_stand_in_one_cell() -> None:
    people = [(2, "a.jpg", p, "every") for p in ("Ada", "Lovelace, Ada", "Ben", "Cy")]
    assert lines_of(read('photo,people\na.jpg,"Ada;Lovelace, Ada | Ben\r\n Cy;"\n')) == people
    assert lines_of(read('photo;people\na.jpg;"Ada;Lovelace, Ada|Ben\nCy"\n')) == people


def test_a_line_that_says_the_same_again_is_left_out() -> None:
    text = (
        "scope,person,needed\na/,Jose\u0301,\na/,Jos\u00e9,every\na/,Jos\u00e9,some\na,Jos\u00e9,\n"
    )
    assert [line[0] for line in lines_of(read(text))] == [2, 4, 5]


def test_the_mark_that_defuses_a_cell_is_taken_off_once() -> None:
    text = "photo,person\n'=a.jpg,'-Ben\n'@x/,'+1;Cy\n''=b.jpg,'\tTab\n'c.jpg,'Ben\n"
    assert [line[1:3] for line in lines_of(read(text))] == [
        ("=a.jpg", "-Ben"),
        ("@x/", "+1"),
        ("@x/", "Cy"),
        ("'=b.jpg", "Tab"),
        ("'c.jpg", "'Ben"),
    ]


def test_every_bad_line_is_named_with_what_is_wrong() -> None:
    text = (
        "photo,person,needed\na.jpg,Ada,thrice\nb.jpg,Ben,\n"
        f"c.jpg,Lovelace, Ada,every\nd.jpg,{'x' * 201},\n{'e' * 5000},Cy,\ng.jpg,A\x07da,\n"
        'h.jpg,"Di\n'
    )
    fault = fault_of(text)
    assert fault.startswith("r.csv: 6 lines cannot be read")
    for part in (
        "line 2: needed is 'every' or 'some', and not 'thrice'",
        "line 4: it has 4 cells and the header 3",
        "line 5: a name has at most 200 characters",
        "line 6: a photo or folder has at most",
        "line 7: a name has no line breaks",
        "line 8: a quote is opened here and never closed",
    ):
        assert part in fault
    assert "line 3:" not in fault


def test_the_list_of_bad_lines_is_bounded() -> None:
    fault = fault_of("photo,person,needed\n" + "a.jpg,Ada,never\n" * 1000)
    assert fault.count("\n") == 21
    assert fault.endswith("and 980 more")
    assert len(fault) < 2000


def test_a_cell_that_a_spreadsheet_could_not_fill_is_a_bad_line_and_not_an_absence_less() -> None:
    data = workbook(
        page(("photo", "who", "x"), ("a.jpg", NOT_AVAILABLE), ("b.jpg", 7, NOT_AVAILABLE))
    )
    with pytest.raises(FatalError, match=r"line 2: a cell says #N/A") as caught:
        read_roster(data, "r.xlsx")
    assert "line 3" not in str(caught.value)


def test_a_workbook_and_a_csv_of_the_same_rows_are_the_same_roster() -> None:
    rows = [("Photo", "Name", "Needed"), ("a/", "Zo\u00eb; Ben", "some"), ("'=b.jpg", "007", "")]
    text = "\n".join(",".join(row) for row in rows)
    assert lines_of(read_roster(workbook(page(*rows)), "r.xlsx")) == lines_of(read(text))


def test_an_old_or_locked_excel_file_is_told() -> None:
    with pytest.raises(FatalError, match="save it as XLSX"):
        read_roster(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "r.xls")


NAMES = [
    "Ada",
    "Lovelace, Ada",
    "Zo\u00eb",
    "O\u2019Brien",
    'Ada "A" L',
    "Ben\u00a0X",
    "'Tis",
    "1",
    "\u0141",
]
SCOPES = [
    "a.jpg",
    "a/b.jpg",
    "a/",
    "*",
    "**/b?.jpg",
    "a,b;c.jpg",
    "=x.jpg",
    'q"q.jpg',
    "a\\b.jpg",
    "a|b",
]


@pytest.mark.parametrize("seed", range(60))
def test_what_any_writer_writes_is_read_as_it_was_meant(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - the same files each time
    meant = [
        (rng.choice(SCOPES), rng.choice(NAMES), rng.choice(["every", "some"])) for _ in range(30)
    ]
    order = rng.sample(range(3), 3)
    header = [rng.choice(["scope", "PHOTO"]), rng.choice(["person", "Who"]), "needed"]
    file = io.StringIO()
    writer = csv.writer(
        file,
        delimiter=rng.choice(",;\t"),
        quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
        lineterminator=rng.choice(["\n", "\r\n"]),
    )
    for row in [header, *meant]:
        writer.writerow([row[n] for n in order])
        if rng.random() < 0.1:
            file.write("\n")
    encoding = rng.choice(["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
    read_back = read_roster(file.getvalue().encode(encoding), "r.csv")
    found = [(scope, person, needed) for _, scope, person, needed in lines_of(read_back)]
    assert found == list(dict.fromkeys(meant))
