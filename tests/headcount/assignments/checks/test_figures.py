"""What a check comes to, in figures, sentences and the report's head."""

import random

import pytest

from headcount.assignments.checks.bounds import at_most
from headcount.assignments.checks.figures import (
    as_json,
    block,
    figures,
    lines_of,
    percent_up,
    with_block,
)
from tests.headcount.assignments.checks.made import check, item, judged

RATES = (0.01, 0.03, 0.10)
DRAWS = 400
"""As many as a test has time for: benchmarks/accuracy/check.py makes 2,000."""


def test_the_sentence_says_all_that_a_figure_needs() -> None:
    first, last = lines_of([judged(1, 100)])
    assert first == (
        "wrong names 1 of 100: at most 4.7 %, 95 % one-sided (Clopper-Pearson), drawn from 5,000"
    )
    assert last == (
        "judged by Ada Lovelace, 2026-03-01 12:00 UTC, of job job "
        "(check 20260301-120000-abcdef, seed 7)"
    )


def test_what_could_not_be_told_counts_as_wrong_and_is_told_apart() -> None:
    record = judged(1, 100, cannot_tell=3)
    found, _ = figures(record)
    assert (found.wrong, found.cannot_tell) == (1, 3)
    assert found.bound == at_most(4, 100)
    assert "and 3 that could not be told, counted as wrong" in lines_of([record])[0]


def test_a_bound_is_rounded_up() -> None:
    assert percent_up(0.0465501) == "4.7 %"
    assert percent_up(0.04) == "4.0 %"
    assert percent_up(0.040001) == "4.1 %"


def test_where_all_were_looked_at_the_share_is_no_estimate() -> None:
    record = judged(2, 40, names={"matched": 40})
    found, _ = figures(record)
    assert found.bound == 2 / 40
    assert lines_of([record])[0] == "wrong names 2 of 40: these are all there are"


def test_kinds_and_absences_have_their_own_numbers() -> None:
    record = check(
        item(1, "right"),
        item(2, "wrong", how="expected_here"),
        item(3, "right", kind="absence", how="absent", face_id=None),
        item(4, "wrong", kind="absence", how="near_miss", face_id=None),
        signed=check().begun,
        absences={"absent": 30},
    )
    lines = lines_of([record])
    assert lines[0].startswith("wrong names 1 of 2: at most 97.5 %")
    assert lines[1] == "wrong among them: expected here 1 of 1, matched 0 of 1"
    assert lines[2].startswith("wrong absences 1 of 2: at most 97.5 %")
    told = as_json([record])
    assert told is not None
    [signed] = told["signed"]
    assert signed["names"]["by_kind"]["expected_here"] == {"drawn": 1, "wrong": 1}
    assert signed["absences"]["population"] == 30


def test_an_unsigned_check_has_no_figure_and_is_counted() -> None:
    begun = check(item(1, "right"), item(2))
    assert lines_of([begun]) == ["1 check of this job begun and not signed: no figure"]
    told = as_json([begun, judged(0, 10)])
    assert told is not None
    assert (len(told["signed"]), told["unsigned"]) == (1, 1)
    assert as_json([]) is None


def test_all_signed_checks_are_told_so_that_none_can_be_picked() -> None:
    other = judged(5, 100, seed=8)
    lines = lines_of([other, judged(1, 100)])
    assert [line for line in lines if line.startswith("wrong names")] == [
        lines_of([judged(1, 100)])[0],
        lines_of([other])[0],
    ]


def test_forgotten_people_are_said_of_the_draw_and_of_who_judged() -> None:
    *_, signature = lines_of([judged(1, 99, forgotten=1, by=None)])
    assert signature.startswith("judged by somebody who was forgotten since")
    assert signature.endswith("1 of the drawn are gone, since their people were forgotten")


def test_the_block_of_the_report_is_replaced_and_shows_markup_as_text() -> None:
    page = f"<header>{block([])}</header>"
    told = with_block(page, ["by <b>Ada</b>"])
    assert told is not None
    assert "by &lt;b&gt;Ada&lt;/b&gt;" in told
    assert with_block(told, []) == page
    assert with_block("<header></header>", ["x"]) is None


def test_an_end_mark_in_a_name_ends_nothing() -> None:
    told = with_block(f"a{block([])}z", ["<!-- /checked -->"])
    assert told is not None
    assert with_block(told, []) == f"a{block([])}z"


@pytest.mark.parametrize("rate", RATES)
def test_the_bound_holds_the_truth_in_most_draws(rate: float) -> None:
    population, rng = 4000, random.Random(20)  # noqa: S311
    wrong = set(range(round(rate * population)))
    held = 0
    for _ in range(DRAWS):
        met = sum(n in wrong for n in rng.sample(range(population), 100))
        held += at_most(met, 100) >= rate
    assert held / DRAWS >= 0.94
