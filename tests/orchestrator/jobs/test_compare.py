from headcount.contract.vocabulary import Outcome
from headcount.storage import ObjectInfo
from orchestrator.jobs.compare import Known, State, compare


def info(key: str, etag: str = "e", size: int = 10) -> ObjectInfo:
    return ObjectInfo(key, etag, size)


def known(key: str, etag: str = "e", outcome: Outcome = Outcome.FACES) -> Known:
    return Known(info(key, etag), outcome)


def states(listing: list[ObjectInfo], have: list[Known]) -> dict[str, str]:
    return {photo.key: str(state) for state, photo in compare(listing, have, "balanced")}


def test_a_first_run_finds_everything_new() -> None:
    assert states([info("a"), info("b")], []) == {"a": "new", "b": "new"}


def test_unchanged_photos_are_known_and_changed_ones_are_done_again() -> None:
    found = states([info("a"), info("b", "x")], [known("a"), known("b")])
    assert found == {"a": "known", "b": "changed"}


def test_photos_gone_from_the_collection_are_removed_wherever_they_stood() -> None:
    have = [known("a"), known("c"), known("e")]
    assert states([info("b"), info("c")], have) == {
        "a": "removed",
        "b": "new",
        "c": "known",
        "e": "removed",
    }


def test_an_empty_listing_removes_everything() -> None:
    assert states([], [known("a"), known("b")]) == {"a": "removed", "b": "removed"}


def test_photos_that_were_missing_or_denied_are_tried_again_and_broken_ones_are_not() -> None:
    have = [
        known("a", outcome=Outcome.DENIED),
        known("b", outcome=Outcome.UNREADABLE),
        known("c", outcome=Outcome.MISSING),
    ]
    found = states([info("a"), info("b"), info("c")], have)
    assert found == {"a": "changed", "b": "known", "c": "changed"}


def test_keys_are_merged_in_byte_order() -> None:
    keys = ["a-b", "a/b", "a0", "é", "😀"]
    have = [known(key) for key in keys]
    assert set(states([info(key) for key in keys], have).values()) == {State.KNOWN.value}


def test_a_photo_searched_less_thoroughly_than_is_asked_for_is_searched_again() -> None:
    have = [Known(info("a"), Outcome.FACES, "fast"), Known(info("b"), Outcome.FACES, "thorough")]
    assert states([info("a"), info("b")], have) == {"a": "changed", "b": "known"}


def test_a_known_photo_has_what_the_list_says_of_it_now_and_is_known_all_the_same() -> None:
    listed = ObjectInfo("a", "e", 10, taken="2024-05-01")
    told = list[Known]()
    found = list(compare([listed], [known("a")], "balanced", told.append))
    assert found == [(State.KNOWN, listed)]
    assert [one.info.taken for one in told] == ["2024-05-01"]
