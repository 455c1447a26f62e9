"""Lines of a file checked against an archive: all before any is recorded."""

from pathlib import Path

import pytest

from benchmarks.scale.answers import apply, cluster_of, content_of, face_of, make_archive, make_file
from headcount import audit
from headcount.answers.kept import read_answers
from headcount.answers.record import Answer
from headcount.contract.forgotten import ForgottenRecord, tombstone_key
from headcount.contract.layout import ANSWERS
from headcount.contract.record import now
from headcount.contract.vocabulary import person_id
from headcount.errors import FatalError
from headcount.storage import Store
from orchestrator.people.answer import numbers_text, summary_text
from orchestrator.people.targets import BEST, MARKED
from tests.orchestrator.people.made_up import archive_of, check, say
from tests.servers import S3Server

FACE, OTHER, CLUSTER = face_of(0), face_of(4), cluster_of(0)
PLACE = f"{content_of(0)},12 11 80 80"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return archive_of(tmp_path)


def only(store: Store, *lines: str) -> Answer:
    [answer] = check(store, *lines).answers
    return answer


def refused(store: Store, *lines: str, strict: bool = False) -> str:
    with pytest.raises(FatalError) as caught:
        check(store, *lines, strict=strict)
    return str(caught.value)


def test_a_cluster_is_named_by_its_best_faces_and_its_moment(store: Store) -> None:
    answer = only(store, f"name,{CLUSTER},Ada")
    assert (answer.person_id, answer.person) == (person_id("Ada"), "Ada")
    assert answer.moment == (answer.job_id, CLUSTER)
    assert len(answer.faces) == BEST
    assert all(mark.reference and mark.content for mark in answer.faces)
    assert answer.faces[0].frame == (400, 200, 1)
    confirmed = only(store, f"confirm,{CLUSTER[:9]},Ada")
    assert confirmed.moment == answer.moment
    assert not any(mark.reference for mark in confirmed.faces)


def test_other_words_on_a_large_cluster_mark_its_best_faces(tmp_path: Path) -> None:
    store = archive_of(tmp_path, 45)
    answer = only(store, f"dismiss,{CLUSTER}")
    assert len(answer.faces) == 5 <= MARKED
    assert only(store, f"not_a_face,{FACE}").faces[0].face_id == FACE


def test_a_face_is_found_by_a_short_id_and_by_its_place_in_any_turn(store: Store) -> None:
    turned = f"{content_of(0)},109 12 80 80,6"  # of a photo of 200 x 400
    for line in (
        f"dismiss,{FACE}",
        f"dismiss,{FACE[:12]}",
        f"dismiss,,,,{PLACE}",
        f"dismiss,f{'0' * 23},,,{PLACE}",
        "dismiss,,,0000000.jpg,,12 11 80 80",
        f"dismiss,,,,{turned}",
    ):
        [mark] = only(store, line).faces
        assert mark.face_id == FACE, line
        assert mark.box == (10, 10, 80, 80), "the face's own box, not that of the line"


def test_an_id_that_is_known_counts_more_than_the_place_beside_it(store: Store) -> None:
    [mark] = only(store, f"dismiss,{OTHER},,,{PLACE}").faces
    assert mark.face_id == OTHER


def test_a_place_without_a_face_is_kept_with_a_warning(store: Store) -> None:
    for n, where in enumerate((f"{content_of(0)},12 150 20 20,6", f"{'e' * 64},1 2 3 4,6")):
        nobody = f"f{n:023}"
        line = f"name,{nobody},Ada,,{where}"
        checked = check(store, line)
        [answer] = checked.answers
        [mark] = answer.faces
        assert (mark.face_id, mark.content, mark.frame[2]) == (nobody, where[:64], 6)
        assert mark.reference
        [warning] = checked.warnings
        assert warning.text.startswith("line 2: no face is here at a place")
        assert "--strict" in refused(store, line, strict=True)
        say(store, line)
        assert not check(store, line).answers, "it is a repeat all the same"
        assert not check(store, line, strict=True).answers


def test_ids_that_mean_nothing_or_several_are_bad_lines(store: Store) -> None:
    told = refused(
        store,
        "dismiss,f",
        f"dismiss,{FACE}",
        "dismiss,nobody",
        "dismiss,,,nowhere.jpg,,1 2 3 4",
        "name,p0123456789abcde,p0123456789abcde",
        f"name,{FACE},p0123456789abcde",
        "undo,0a1b",
        f"reference,{CLUSTER}",
    )
    assert "line 2: f is the beginning of several ids: f" in told
    assert "line 3" not in told
    assert f"line 4: no face and no cluster nobody in the latest results of {store.uri}" in told
    assert "line 5: nowhere.jpg is not in the archive: give its photo_sha256 too" in told
    assert "line 7: nobody has the id p0123456789abcde" in told
    assert "line 8: no answer 0a1b in" in told
    assert f"line 9: reference needs faces, and {CLUSTER} is a cluster" in told
    assert not list(store.list(ANSWERS))


def test_several_clusters_and_faces_of_one_line_are_an_answer_each(store: Store) -> None:
    clusters = {cluster_of(n) for n in range(3)}
    checked = check(store, f"name,{' '.join(sorted(clusters))} {face_of(20)} {face_of(21)},Ada")
    assert {answer.cluster for answer in checked.answers} == {*clusters, None}
    assert summary_text(checked) == "4 answers (4 name)"


def test_names_that_look_alike_are_a_warning_and_nothing_is_recorded_with_strict(
    store: Store,
) -> None:
    say(store, f"name,{FACE},Ada Lovelace")
    lines = f"name,{OTHER},ada lovelace", f"name,{face_of(9)},Zoe", f"name,{face_of(8)},Zo\u00eb"
    checked = check(store, *lines)
    assert [warning.text.split(":", 1)[0] for warning in checked.warnings] == ["line 4", "line 2"]
    assert "the name ada lovelace looks like Ada Lovelace" in checked.warnings[1].words
    assert len(checked.answers) == 3
    assert "looks like" in refused(store, *lines, strict=True)
    assert not check(store, "rename,Ada Lovelace,Ada Lovelase").warnings, "a correction is meant"


def test_a_person_of_no_answer_is_a_warning_where_it_is_not_named_here(store: Store) -> None:
    [warning] = check(store, f"not,{FACE},Ada").warnings
    assert warning.text == "line 2: nobody of that name is here yet"
    assert not check(store, f"not,{FACE},Ada", f"name,{OTHER},Ada").warnings
    say(store, f"name,{FACE},Ada", f"name,{OTHER},Eve")
    [warning] = check(store, "rename,Ada,Eve").warnings
    assert "the two will be one person" in warning.words
    assert only(store, f"not,{OTHER},{person_id('Ada')}").person == "Ada", "or by the id"
    assert "Ada has that name already" in refused(store, "rename,Ada,Ada")


def test_a_renamed_person_goes_on_by_either_name(store: Store) -> None:
    say(store, f"name,{FACE},Ada", "rename,Ada,Ada L")
    assert not check(store, "rename,Ada L,Ada").warnings, "a name that is given back"
    assert only(store, f"not,{FACE},Ada L").person_id == person_id("Ada L")


def test_contradictions_in_the_file_and_with_the_archive_are_named(store: Store) -> None:
    say(store, f"name,{CLUSTER},Ada")
    [kept] = read_answers(store)
    checked = check(
        store, f"name,{FACE},Eve", f"name,{FACE},Bob", f"not,{CLUSTER},Ada,,,,,2020-01-01"
    )
    assert len(checked.answers) == 3
    assert set(checked.contradictions) == {
        "line 3 (name Bob) overrules line 2 (name Eve)",
        f"line 2 (name Eve) overrules answer {kept.id} of {kept.at:%Y-%m-%d} (name Ada) for 1 of "
        "5 faces",
        f"line 3 (name Bob) overrules answer {kept.id} of {kept.at:%Y-%m-%d} (name Ada) for 1 of "
        "5 faces",
        f"answer {kept.id} of {kept.at:%Y-%m-%d} (name Ada) overrules line 4 (not Ada)",
    }


def test_the_same_file_again_changes_nothing_also_once_something_was_undone(store: Store) -> None:
    dated = f"name,{FACE},Ada,,,,,2026-11-01T10:00:00Z"
    lines = f"name,{CLUSTER},Ada", dated, f"same,{FACE} {OTHER}", "accept_absent,,Ada,2026/"
    assert len(say(store, *lines).answers) == 4
    assert check(store, *lines).repeats == 4
    assert not check(store, dated).answers
    undone = next(one for one in read_answers(store) if one.at.day == 1)
    say(store, f"undo,{undone.id[:6]}")
    assert not check(store, *lines).answers, "what was said then was said, and taken back"
    assert not check(store, f"undo,{undone.id}").answers, "it is undone already"
    assert len(check(store, f"name,{FACE},Ada").answers) == 1


def test_an_undone_undo_may_be_undone(store: Store) -> None:
    say(store, f"name,{FACE},Ada")
    for _ in range(2):
        latest = read_answers(store)[-1]
        say(store, f"undo,{latest.id},,,,,,2020-01-01")
        assert read_answers(store)[-1].undoes == latest.id, "never before what it takes back"


def test_a_drawn_face_is_kept_by_its_place_alone(store: Store) -> None:
    checked = check(store, "face,,Ada,0000001.jpg,,300 100 40 40")
    [answer] = checked.answers
    [mark] = answer.faces
    assert (mark.face_id, mark.content) == ("", content_of(1))
    assert (answer.photo, answer.person, mark.frame) == ("0000001.jpg", "Ada", (400, 200, 1))
    assert not checked.warnings
    [there] = check(store, "face,,,0000001.jpg,,12 11 80 80").warnings
    assert "a face was found at that place already" in there.words
    [warning] = check(store, f"face,,,gone.jpg,{'e' * 64},1 2 30 40").warnings
    assert "no face is here" in warning.words
    for box, said in (("1 2 3 4", "3 x 4 pixels"), ("390 100 40 40", "not inside the photo")):
        with pytest.raises(FatalError, match=f"line 2: the box is {said}"):
            check(store, f"face,,,0000001.jpg,,{box}")


def test_the_audit_log_has_ids_and_no_names(store: Store) -> None:
    say(store, f"name,{CLUSTER},Ada", f"not,{OTHER},Ada", f"dismiss,{cluster_of(20)}")
    lines = [(line.action, line.subject, line.detail) for line in audit.read(store)]
    ada = person_id("Ada")
    assert lines == [
        ("name", ada, {"cluster": CLUSTER}),
        ("not", ada, {"answers": 1}),
        ("dismiss", cluster_of(20), {"cluster": cluster_of(20)}),
    ]
    assert not audit.breaks(store)


def test_somebody_who_was_forgotten_is_not_named(store: Store) -> None:
    stone = ForgottenRecord(person_id=person_id("Ada"), at=now(), state="done")
    store.put(tombstone_key(stone.person_id), stone.to_bytes())
    assert "line 2: Ada was forgotten" in refused(store, f"name,{FACE},Ada")
    assert "line 2: Ada was forgotten" in refused(store, f"rename,{'Eve'},Ada")


def test_ten_thousand_lines_are_one_object_and_repeats_the_second_time(s3: S3Server) -> None:
    settings, data = s3.settings(), make_file(10_000, 30_000)
    store = make_archive(f"s3://{s3.make_bucket()}/", settings, 30_000)
    assert apply(store, data, settings) == (10_000, 0)
    assert len(list(store.list(ANSWERS))) == 1
    assert apply(store, data, settings) == (0, 10_000)
    assert len(list(store.list(ANSWERS))) == 1


def test_numbers_of_lines_are_few_in_words() -> None:
    assert numbers_text([3]) == "line 3"
    assert numbers_text(range(3, 25)) == "lines 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 12 more"
