"""``headcount doctor``: check every part that a run needs, and say how to mend what is wrong."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from headcount import __version__
from headcount.broker.client import Broker
from headcount.broker.rights import ROLES, RoleName
from headcount.contract.layout import PROBES
from headcount.errors import FatalError, HeadcountError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import canonical_uri, open_store
from headcount.storage.conditional import require_conditional_writes
from orchestrator.commands.options import json_option, load_s3, load_settings, model_options
from orchestrator.commands.worker import require_worker_libraries
from orchestrator.local.servers import embedded_broker
from orchestrator.terminal import say, say_json, say_text

LEAST_FREE = 2 << 30
"""Bytes that must be free for the cache: a large model pack and its prepared form."""


@dataclass(frozen=True, slots=True)
class Check:
    """Result of one check."""

    name: str
    ok: bool
    detail: str


@click.command()
@click.option("--archive", envvar="HEADCOUNT_ARCHIVE", metavar="URI", help="An archive to try.")
@click.option(
    "--role",
    type=click.Choice(list(ROLES)),
    help="Whose rights the broker's user must have; without it one of these is enough.",
)
@model_options
@json_option
def command(
    archive: str | None,
    role: RoleName | None,
    model: str | None,
    provider: str | None,
    threads: int | None,
    as_json: bool,
) -> int:
    """Check broker, store, models and providers."""
    settings = load_settings(model=model, provider=provider, threads=threads)
    checks = list(look(settings, load_s3(), archive, role))
    if as_json:
        say_json(json.dumps([asdict(check) for check in checks], indent=1))
    else:
        for check in checks:
            say_text(f"{'ok  ' if check.ok else 'FAIL'}  {check.name}: {check.detail}")
        bad = sum(not check.ok for check in checks)
        say("all is well" if not bad else f"{bad} of {len(checks)} checks failed")
    return 0 if all(check.ok for check in checks) else 1


def look(
    settings: Settings, s3: S3Settings, archive: str | None, role: RoleName | None
) -> Iterator[Check]:
    """Yield every check's result, in the order in which a run would fail."""
    yield Check("headcount", True, f"{__version__} on Python {sys.version.split()[0]}")
    yield _try("broker", lambda: _broker(settings))
    if (rights := _rights(settings, role)) is not None:
        yield rights
    if archive:
        yield _try("archive", lambda: _archive(archive, s3))
    yield from _worker(settings)
    yield _try("cache", lambda: _cache(settings))


def _try(name: str, check: Callable[[], str]) -> Check:
    try:
        return Check(name, True, check())
    except HeadcountError as error:
        return Check(name, False, str(error))


def _broker(settings: Settings) -> str:
    if settings.broker_url is None:
        with embedded_broker() as url:
            Broker(url).check()
        return "HEADCOUNT_BROKER_URL is not set; the embedded Valkey starts and answers"
    broker = Broker(settings.broker_url.get_secret_value())
    broker.check()
    try:
        waiting = ", ".join(f"{n} in {queue}" for queue, n in broker.queue_lengths().items())
        seen = broker.worker_count()
    except FatalError:  # a right that no worker needs
        return f"{broker.address.shown} answers; its user may not see who works"
    return f"{broker.address.shown} answers; {seen} workers seen; waiting: {waiting}"


def _rights(settings: Settings, role: RoleName | None) -> Check | None:
    """Result of trying the rights of the broker's user; None where no broker answers."""
    if settings.broker_url is None:
        return None
    try:
        broker = Broker(settings.broker_url.get_secret_value())
        lacking = {name: broker.missing_rights(name) for name in ROLES}
    except HeadcountError:
        return None
    user = broker.address.username or "default"
    if role is not None:
        wrong = lacking[role]
        text = f"lacks {', '.join(wrong)}" if wrong else "has all rights"
        return Check("broker rights", not wrong, f"as {role}, the user {user} {text}")
    may = [name for name, wrong in lacking.items() if not wrong]
    if may:
        return Check("broker rights", True, f"the user {user} may act as {', '.join(may)}")
    name, wrong = min(lacking.items(), key=lambda item: len(item[1]))
    text = f"the user {user} may act as nobody; as {name} it lacks {', '.join(wrong)}"
    return Check("broker rights", False, text)


def _archive(uri: str, s3: S3Settings) -> str:
    store = open_store(canonical_uri(uri), s3)
    if uri.startswith("s3://"):
        store.check()
    require_conditional_writes(store, PROBES)
    return f"{store.uri} can be written, read and conditionally written"


def _worker(settings: Settings) -> Iterator[Check]:
    """Yield the data side's own checks, done in a process of its own."""
    try:
        require_worker_libraries()
    except FatalError as error:
        yield Check("worker", settings.broker_url is not None, str(error))
        return
    environment = os.environ | {
        "HEADCOUNT_MODEL": settings.model,
        "HEADCOUNT_PROVIDER": settings.provider,
    }
    ended = subprocess.run(
        [sys.executable, "-m", "workers", "doctor"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    try:
        for row in json.loads(ended.stdout):
            yield Check(**row)
    except ValueError:
        yield Check("worker", False, f"does not start:\n{ended.stderr[-2000:]}")


def _cache(settings: Settings) -> str:
    folder = settings.cache_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = Path(folder, f".doctor-{os.getpid()}")
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise FatalError(
            f"{folder} cannot be written ({error.strerror}): set HEADCOUNT_CACHE_DIR"
        ) from error
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE:
        raise FatalError(
            f"{folder}: only {free >> 20:,} MB free; set HEADCOUNT_CACHE_DIR elsewhere"
        )
    return f"{folder} can be written, {free >> 30:,} GB free"
