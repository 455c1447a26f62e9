"""Rights of a user of the broker: what each role needs, as an ACL says it, and a trial of it.

A trial sends each command inside MULTI and ends with DISCARD: the broker judges the right when a
command is queued, and nothing is done. So the real names of queues and keys can be tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import redis

from headcount.broker.queues import EMBED_QUEUE, REDUCE_QUEUE, SCHEDULE_QUEUE

RoleName = Literal["worker", "supervisor", "beat", "reader"]
Command = tuple[str, ...]

NO_SCRIPT = "0" * 40
"""The digest of no script."""
COMMON = "ping hello auth select info multi exec discard"
"""Commands of every role that sends."""


@dataclass(frozen=True, slots=True)
class Role:
    """A user of the broker: patterns of keys, commands, and calls that show whether it has both."""

    name: RoleName
    keys: tuple[str, ...]
    commands: tuple[str, ...]
    calls: tuple[Command, ...]

    def acl(self, user: str, password: str) -> str:
        """The command that makes such a user: it may do this, and nothing else."""
        keys = " ".join(f"~{key}" for key in self.keys)
        commands = " ".join(f"+{command}" for command in self.commands)
        return f"ACL SETUSER {user} reset on >{password} resetchannels {keys} -@all {commands}"


def _calls_of_queue(queue: str, *more: str) -> tuple[Command, ...]:
    """Calls of a queue of kombu: its list, and both names of its bindings."""
    bound = (f"_kombu.binding.{queue}", f"_kombu.binding_permanent.{queue}")
    return (
        ("lpush", queue, "x"),
        ("llen", queue),
        *((name, queue) for name in more),
        *(("sadd", key, "x") for key in bound),
        *(("smembers", key) for key in bound),
    )


_UNACKED: tuple[Command, ...] = (
    ("hset", "unacked", "x", "x"),
    ("hget", "unacked", "x"),
    ("hdel", "unacked", "x"),
    ("zadd", "unacked_index", "1", "x"),
    ("zrem", "unacked_index", "x"),
    ("zrange", "unacked_index", "0", "0"),
    ("zrevrangebyscore", "unacked_index", "1", "0"),
    ("set", "unacked_mutex", "x"),
    ("get", "unacked_mutex"),
    ("del", "unacked_mutex"),
    ("evalsha", NO_SCRIPT, "1", "unacked_mutex"),
    ("script", "load", "return 1"),
)

WORKER = Role(
    "worker",
    ("embed*", "reduce*", "unacked*", "_kombu.binding*", "headcount:beat:*", "headcount:worker:*"),
    tuple(
        f"{COMMON} watch unwatch brpop lpush rpush llen hset hget hgetall hdel zadd zrem zrange "
        "zrevrangebyscore sadd smembers set get del evalsha script|load".split()
    ),
    (
        *(
            call
            for queue in (EMBED_QUEUE, REDUCE_QUEUE)
            for call in (
                *_calls_of_queue(queue),
                ("brpop", queue, f"{queue}\x06\x169", "1"),
                ("rpush", queue, "x"),
            )
        ),
        *_UNACKED,
        ("hgetall", "unacked"),
        ("unwatch",),
        ("set", "headcount:beat:x", "x"),
        ("set", "headcount:worker:x", "x"),
    ),
)
SUPERVISOR = Role(
    "supervisor",
    ("embed*", "reduce*", "schedule*", "unacked*", "_kombu.binding*", "headcount:*"),
    tuple(f"{COMMON} lpush llen sadd smembers rpop lrange lrem lindex hvals mget del scan".split()),
    (
        *(
            call
            for queue in (EMBED_QUEUE, REDUCE_QUEUE)
            for call in (
                *_calls_of_queue(queue),
                ("lrange", queue, "0", "0"),
                ("lrem", queue, "1", "x"),
                ("lindex", queue, "0"),
            )
        ),
        *_calls_of_queue(SCHEDULE_QUEUE, "rpop"),
        ("hvals", "unacked"),
        ("mget", "headcount:beat:x"),
        ("del", "headcount:beat:x"),
        ("scan", "0"),
    ),
)
_REDBEAT = "headcount:redbeat:x"
BEAT = Role(
    "beat",
    ("schedule*", "_kombu.binding*", "headcount:redbeat:*"),
    tuple(
        f"{COMMON} lpush llen sadd smembers set get del hget hset hsetnx hgetall hmget hdel zadd "
        "zrem zrank zscore zrange zrangebyscore zrevrange exists evalsha script|load pttl "
        "pexpire".split()
    ),
    (
        *_calls_of_queue(SCHEDULE_QUEUE),
        ("set", _REDBEAT, "x"),
        *((name, _REDBEAT) for name in ("get", "del", "hgetall", "exists", "pttl")),
        *((name, _REDBEAT, "x") for name in ("hget", "hmget", "hdel", "zrem", "zrank", "zscore")),
        *((name, _REDBEAT, "x", "x") for name in ("hset", "hsetnx")),
        ("zadd", _REDBEAT, "1", "x"),
        *((name, _REDBEAT, "0", "1") for name in ("zrange", "zrangebyscore", "zrevrange")),
        ("pexpire", _REDBEAT, "1"),
        ("evalsha", NO_SCRIPT, "1", _REDBEAT),
        ("script", "load", "return 1"),
    ),
)
READER = Role(
    "reader",
    ("embed*", "reduce*", "unacked*", "headcount:*"),
    ("ping", "hello", "auth", "select", "llen", "lindex", "hvals", "scan"),
    (
        *((name, queue) for name in ("llen",) for queue in (EMBED_QUEUE, REDUCE_QUEUE)),
        *(("lindex", queue, "0") for queue in (EMBED_QUEUE, REDUCE_QUEUE)),
        ("hvals", "unacked"),
        ("scan", "0"),
    ),
)
ROLES = {role.name: role for role in (WORKER, SUPERVISOR, BEAT, READER)}


def missing_rights(client: redis.Redis, role: Role) -> list[str]:
    """The rights of a role that this user lacks, as commands or ``command on key``, in order.

    Raises redis.RedisError where the broker does not answer.
    """
    pool = client.connection_pool
    connection = pool.get_connection()
    try:
        return list(dict.fromkeys(_missing(connection, role)))
    finally:
        connection.disconnect()  # whatever state a refusal left it in
        pool.release(connection)


def _missing(connection: Any, role: Role) -> Iterator[str]:
    sends = "multi" in role.commands
    if "watch" in role.commands:
        yield from _named(connection, ("watch", EMBED_QUEUE))
    if sends and _refused(connection, ("multi",)):
        yield "multi"
        return
    for call in role.calls:
        yield from _named(connection, call)
    if sends and _refused(connection, ("discard",)):
        yield "discard"


def _named(connection: Any, call: Command) -> Iterator[str]:
    """The command that is refused, with the key where it is the key that may not be touched."""
    if (told := _refused(connection, call)) is not None:
        key = "".join(call[3:4] if call[0] == "evalsha" else call[1:2])
        yield call[0] if "permissions to run" in told else f"{call[0]} on {key}"


def _refused(connection: Any, call: Command) -> str | None:
    """The refusal of a call for lack of a right; None where the user has it."""
    try:
        connection.send_command(*call)
        connection.read_response()
    except redis.exceptions.NoPermissionError as error:
        return str(error)
    except redis.exceptions.ResponseError:
        return None  # the right was there, and something else was wrong
    return None
