from dataclasses import replace

from tests.workers.report.views import EMPTY, FULL


def test_a_list_of_people_that_is_cut_keeps_the_totals_of_the_run() -> None:
    assert (FULL.enrolled, FULL.found) == (3, 2)
    cut = replace(FULL, people=FULL.people[:1], people_total=31, people_found=7)
    assert (cut.enrolled, cut.found) == (31, 7)
    assert (EMPTY.enrolled, EMPTY.found) == (0, 0)


def test_matched_and_inferred_faces_have_a_name_and_every_failed_photo_is_counted() -> None:
    assert FULL.named == 21 + 2
    assert FULL.unprocessed == 2 + 1
