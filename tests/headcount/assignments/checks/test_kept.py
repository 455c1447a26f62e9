"""Checks in an archive: begun, gone on with, signed, and never changed by the way."""

from datetime import timedelta

import pytest

from headcount.assignments.checks.kept import (
    begun_check,
    check_key,
    read_check,
    read_checks,
    sign_check,
    write_check,
)
from headcount.contract import inventory
from headcount.contract.inventory import place_of
from headcount.errors import FatalError
from headcount.storage.memory import MemoryStore
from tests.headcount.assignments.checks.made import AT, check, item, judged

ADA = "Ada Lovelace"


def test_an_interrupted_check_is_found_again_with_its_verdicts() -> None:
    store = MemoryStore()
    begun = check(item(1), item(2))
    write_check(store, begun.with_verdict(1, "wrong", AT))
    again = begun_check(store, "job", None, ADA)
    assert again is not None
    assert (again.judged, again.next_item()) == (1, item(2))
    assert begun_check(store, "job", 7, ADA) == again
    assert begun_check(store, "job", 8, ADA) is None, "another seed is another check"
    assert begun_check(store, "job", None, "Grace Hopper") is None, "who signs has judged it all"
    assert begun_check(store, "other job", None, ADA) is None


def test_a_signed_check_is_no_begun_one() -> None:
    store = MemoryStore()
    write_check(store, judged(0, 3))
    assert begun_check(store, "job", None, ADA) is None


def test_nothing_is_signed_before_everything_is_judged() -> None:
    store = MemoryStore()
    begun = check(item(1, "right"), item(2))
    with pytest.raises(FatalError, match="not everything"):
        sign_check(store, begun)
    with pytest.raises(FatalError, match="not everything"):
        sign_check(store, check())
    signed = sign_check(store, begun.with_verdict(2, "right", AT))
    assert signed.signed is not None
    assert read_check(store, signed.id) == signed


def test_the_last_verdict_is_the_one_that_was_given_last() -> None:
    begun = check(item(1), item(2)).with_verdict(2, "right", AT)
    begun = begun.with_verdict(1, "wrong", AT + timedelta(seconds=1))
    last = begun.last_judged()
    assert last is not None
    assert last.number == 1
    assert begun.with_verdict(1, None, AT).last_judged() == begun.items[1]


def test_checks_come_in_the_order_of_their_beginning() -> None:
    store = MemoryStore()
    later = judged(0, 2, id="a", begun=AT + timedelta(days=1))
    for one in (later, judged(1, 2)):
        write_check(store, one)
    assert [one.id for one in read_checks(store)] == ["20260301-120000-abcdef", "a"]


def test_a_check_that_is_gone_is_said_to_be() -> None:
    with pytest.raises(FatalError, match="is not in"):
        read_check(MemoryStore(), "x")


def test_a_check_has_its_place_in_the_list_of_places() -> None:
    place = place_of(check_key("20260301-120000-abcdef"), inventory.ARCHIVE)
    assert place is not None
    assert place.people
