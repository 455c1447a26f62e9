"""Files of answers: CSV as spreadsheets write it, JSON Lines, bad lines by number, and back."""

import csv
import json
import struct
from datetime import UTC, datetime

import pytest

from headcount.answers.file import (
    Form,
    LinesRead,
    WrittenLine,
    number_text,
    raise_bad,
    read_lines,
    written_lines,
)
from headcount.errors import FatalError

NOW = datetime(2026, 11, 28, tzinfo=UTC)
SHA = "a" * 64


def read(text: str | bytes, source: str = "a.csv") -> LinesRead:
    return read_lines(text if isinstance(text, bytes) else text.encode(), source, NOW)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_csv_may_have_any_separator_a_mark_and_columns_in_any_order(separator: str) -> None:
    rows = [("person", "what", "ids"), ("Ada", "name", "f1 f2"), (), ("", "dismiss", "k1")]
    text = "\ufeff" + "\r\n".join(separator.join(row) for row in rows)
    found = read(text)
    assert [(one.number, one.what, one.person) for one in found.lines] == [
        (2, "name", "Ada"),
        (4, "dismiss", None),
    ]
    assert not found.bad


def test_bad_lines_are_named_by_their_number_and_the_good_ones_are_read() -> None:
    text = 'what,ids,person\nname,f1,"a\nb"\nname,f2,Ada\nfoo,f3,\nname,f1,Ada,extra\nname,"f4\n'
    found = read(text)
    assert [one.number for one in found.lines] == [4]
    assert [number for number, _ in found.bad] == [2, 5, 6, 7]
    with pytest.raises(FatalError) as caught:
        raise_bad(found.bad, "a.csv")
    assert "nothing of a.csv was recorded" in str(caught.value)
    assert "\nline 5: foo is no answer" in str(caught.value)


def test_of_many_bad_lines_the_first_are_told_and_the_others_counted() -> None:
    with pytest.raises(FatalError, match=r"\nline 20: bad\nand 5 more lines$"):
        raise_bad([(number, "bad") for number in range(25, 0, -1)], "a.csv")
    raise_bad([], "a.csv")


def test_a_column_of_no_meaning_is_left_aside_and_a_misspelt_one_refused() -> None:
    assert read("what,ids,note\ndismiss,k1,hello\n").ignored == ("note",)
    for name in ("id", "Photo-SHA256", "said_on", "persons"):
        with pytest.raises(FatalError, match=f"the column {name} is not known: is it "):
            read(f"what,ids,{name}\ndismiss,k1,x\n")
    found = read('{"what": "dismiss", "id": "k1"}', "a.jsonl")
    assert found.bad == ((1, "the column id is not known: is it ids?"),)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "is empty"),
        ("ids,person\nf1,Ada\n", "must name the columns, and what among them"),
        ("what,ids,ids\n", "has the column ids twice"),
        ('[{"what": "dismiss"}]', "is one JSON list: write one object a line"),
    ],
)
def test_what_is_no_such_file_is_said_at_once(text: str, fault: str) -> None:
    with pytest.raises(FatalError, match=fault):
        read(text)


def test_json_lines_take_lists_and_numbers() -> None:
    rows = [
        {"what": "name", "ids": ["f1", "f2"], "person": "Ada", "said_by": None},
        {"what": "face", "photo_sha256": SHA, "box": [1, 2.5, 30, 40], "orientation": 6},
        {"what": "same", "ids": ["f1", "f2"], "box": [[1, 2, 3, 4], [1, 2, 3, 4]]}
        | {"photo_sha256": [SHA, SHA]},
    ]
    found = read("\n".join(map(json.dumps, rows)))
    assert not found.bad
    assert [target.id for target in found.lines[0].targets] == ["f1", "f2"]
    [drawn] = found.lines[1].targets
    assert drawn.spot is not None
    assert (drawn.spot.box, drawn.spot.orientation) == ((1, 2.5, 30, 40), 6)
    bad = read('{"what": true}\n[]\n{"what":\n{"what": "name", "person": "\\ud800"}\n', "a.jsonl")
    assert [number for number, _ in bad.bad] == [1, 2, 3, 4]


def test_a_line_may_be_longer_than_pythons_limit_and_others_keep_to_it() -> None:
    ids = " ".join(f"f{number:023x}" for number in range(10_000))
    before = csv.field_size_limit()
    [line] = read(f"what,ids\ndismiss,{ids}\n").lines
    assert len(line.targets) == 10_000
    assert csv.field_size_limit() == before


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("name", ["=1+1", "'=1+1", "-Ada", "@x", "<b>", "\u202eevE", 'A "B", C'])
def test_what_is_written_is_read_back(form: Form, name: str) -> None:
    lines = [
        WrittenLine(
            "apart",
            sides=(("f1", ""), ("f3",)),
            contents=(SHA, "b" * 64, SHA),
            boxes=((1, 2, 3, 4), (0.1, -0.5, 6, 7), (8, 9, 10, 11)),
            orientations=(6, 1, 6),
            said_at=NOW.isoformat(),
            said_by=name,
        ),
        WrittenLine("rename", person="Ada", subject=name),
        WrittenLine("accept_absent", person=name, photo="-x/*"),
        WrittenLine("name", person=name, sides=(("f1",),)),
    ]
    data = written_lines(lines, form)
    found = read(data, f"a.{form}")
    assert not found.bad
    first, renamed, absent, named = found.lines
    assert [[t.id for t in side] for side in first.sides] == [["f1", ""], ["f3"]]
    assert [t.spot and t.spot.orientation for t in first.targets] == [6, 1, 6]
    assert (first.said_at, first.said_by) == (NOW, name)
    assert (renamed.subject, absent.person, named.person) == (name, name, name)
    assert absent.photo == "-x/*"
    assert b"\n=" not in data
    assert b",=" not in data


def test_a_name_in_a_csv_is_nothing_that_a_spreadsheet_runs() -> None:
    assert b",'=1+1," in written_lines([WrittenLine("name", person="=1+1")], "csv")


@pytest.mark.parametrize("number", [0.0, 12.5, 10.1, -3.25, 1234567.0, 1 / 3])
def test_numbers_are_written_in_few_digits_that_read_back_as_they_were(number: float) -> None:
    single = struct.unpack("f", struct.pack("f", number))[0]
    assert float(number_text(number)) == number
    assert struct.pack("f", float(number_text(single))) == struct.pack("f", single)
    assert len(number_text(single)) <= 11


def test_the_line_that_tells_excel_the_separator_is_passed_over() -> None:
    found = read('\ufeffsep=;\r\nwhat;ids;person\r\nname;f1;"Ada; B"\r\nfoo;f2;\r\n')
    assert [(one.number, one.person) for one in found.lines] == [(3, "Ada; B")]
    assert [number for number, _ in found.bad] == [4]


def test_a_spreadsheet_is_said_to_be_one() -> None:
    with pytest.raises(FatalError, match="save it as CSV"):
        read(b"PK\x03\x04" + bytes(60), "answers.xlsx")
