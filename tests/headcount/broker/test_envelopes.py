"""Messages in a queue: headcount's own, another version's, and sixty kinds that are neither."""

import json

import pytest

from headcount.broker import envelopes
from headcount.broker.app import make_app
from headcount.broker.client import Broker
from headcount.broker.envelopes import ForeignMessage
from headcount.contract.messages import UnitMessage
from tests import foreign

UNIT = UnitMessage(archive="file:///a/", job_id="j1", unit="embed-0000001")


def test_what_the_broker_sends_is_read_back(broker_url: str) -> None:
    Broker(broker_url).send(UNIT)
    with make_app(broker_url).connection_for_read() as connection:
        raw = connection.default_channel.client.rpop("embed")
    read = envelopes.read(raw)
    assert (read.known, read.message) == (True, UNIT.model_dump(mode="json"))
    assert envelopes.message_of(raw.decode()) == read.message
    assert 0 <= envelopes.age_of(raw.decode()) < 60


@pytest.mark.parametrize(
    ("task", "changed"),
    [
        ("headcount.embed", {"version": 2}),
        ("headcount.embed", {"photos": 7}),
        ("headcount.look", {"unit": "look-0000001"}),
    ],
)
def test_a_message_of_another_version_is_known_as_that(
    task: str, changed: dict[str, object]
) -> None:
    raw = json.dumps(foreign.message(task, foreign.OURS | changed)).encode()
    read = envelopes.read(raw)
    assert not read.known
    assert read.message["job_id"] == "j1"


def test_sixty_kinds_of_foreign_bytes_are_told_from_messages() -> None:
    kinds = foreign.kinds()
    assert len(kinds) >= 60
    seen = set()
    for raw in kinds:
        with pytest.raises(ForeignMessage) as caught:
            envelopes.read(raw)
        seen.add(caught.value.kind)
        text = raw.decode(errors="surrogateescape")
        assert envelopes.age_of(text) == 0
        envelopes.message_of(text)
        assert envelopes.delivered_of(text) == ("", {})
        assert not envelopes.can_be_restored(text)
    assert seen == set(envelopes.FOREIGN)
