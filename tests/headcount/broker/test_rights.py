"""Users of the broker with the documented rights, and with one right less, at a real Valkey."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from headcount.broker.client import Broker
from headcount.broker.rights import BEAT, ROLES, SUPERVISOR, WORKER, Role, RoleName
from headcount.errors import FatalError
from tests.servers import Valkey

UNSHOWN = {"ping", "hello", "auth", "select", "info", "exec", "unwatch"}
"""Commands whose lack is no harm, or shows at once in another way."""


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with Valkey(tmp_path_factory.mktemp("acl") / "valkey").running() as server:
        yield server


def user(valkey: Valkey, role: Role, *less: str) -> Broker:
    """A broker's client of a user with the rights of a role, and some less."""
    admin = redis.Redis.from_url(valkey.url)
    admin.execute_command(*role.acl(role.name, "secret").split())
    if less:
        admin.execute_command("ACL", "SETUSER", role.name, *less)
    return Broker(valkey.url.replace("redis://", f"redis://{role.name}:secret@"))


@pytest.mark.integration
@pytest.mark.parametrize("name", list(ROLES))
def test_the_documented_rights_are_enough_and_nothing_is_left_behind(
    valkey: Valkey, name: RoleName
) -> None:
    assert user(valkey, ROLES[name]).missing_rights(name) == []
    assert redis.Redis.from_url(valkey.url).dbsize() == 0


@pytest.mark.integration
@pytest.mark.parametrize("name", list(ROLES))
def test_each_command_that_is_missing_is_named(valkey: Valkey, name: RoleName) -> None:
    role = ROLES[name]
    for command in set(role.commands) - UNSHOWN:
        missing = user(valkey, role, f"-{command}").missing_rights(name)
        assert missing == [command.partition("|")[0]], command


@pytest.mark.integration
@pytest.mark.parametrize("role", [WORKER, SUPERVISOR, BEAT])
def test_each_pattern_of_keys_that_is_missing_is_named(valkey: Valkey, role: Role) -> None:
    for left_out in role.keys:
        keys = [f"~{key}" for key in role.keys if key != left_out]
        missing = user(valkey, role, "resetkeys", *keys).missing_rights(role.name)
        assert missing, left_out
        assert all(" on " in each for each in missing)


@pytest.mark.integration
def test_a_worker_without_hset_takes_no_message(valkey: Valkey) -> None:
    with pytest.raises(FatalError, match=r"user worker has not all rights.*hset.*security\.md"):
        user(valkey, WORKER, "-hset").require_rights("worker")


def test_docs_have_the_lines_that_make_these_users() -> None:
    docs = (Path(__file__).parents[3] / "docs" / "security.md").read_text()
    for role in ROLES.values():
        assert role.acl(f"headcount-{role.name}", "PASSWORD") in docs.replace(" \\\n  ", " ")
