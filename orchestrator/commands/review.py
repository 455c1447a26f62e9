"""``headcount review``: a page on this machine to look at faces and say who they are."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from headcount import audit
from headcount.contract.record import now
from headcount.errors import FatalError, HeadcountError
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from orchestrator.commands.options import archive_in, existing_archive, load_s3, load_settings
from orchestrator.commands.worker import require_worker_libraries
from orchestrator.local.page import Message, Page, start_page
from orchestrator.terminal import say

if TYPE_CHECKING:
    from orchestrator.people.answering import Answering

MOST_CHECKED = 10_000
"""Items of a check, at most: more than anybody judges."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")
WITHIN = (".", "archive", "headcount-demo")
"""Folders that are looked into where no archive is given."""


@click.command()
@click.argument("place", required=False, metavar="[DIR]")
@click.option(
    "--archive",
    envvar="HEADCOUNT_ARCHIVE",
    metavar="URI",
    help="The archive: a folder or s3:// URI (or HEADCOUNT_ARCHIVE).",
)
@click.option("--photos", metavar="PHOTOS", help="The collection, where the archive has several.")
@click.option("--by", default="", metavar="NAME", help="Who answers: kept beside each answer.")
@click.option(
    "--check",
    type=click.IntRange(1, MOST_CHECKED),
    metavar="N",
    help="Judge N names of the latest job, drawn at random: how often is a name wrong?",
)
@click.option(
    "--absences",
    type=click.IntRange(0, MOST_CHECKED),
    metavar="M",
    help="With --check: so many absences too.  [default: half of N]",
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="With --check: draw by this seed.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Where the page is.  [default: a free port]",
)
@click.option("--host", default=LOOPBACK[0], show_default=True, help="Other ones need TLS.")
@click.option(
    "--name", "names", multiple=True, metavar="HOST", help="Further hosts that browsers ask for."
)
@click.option("--tls-cert", metavar="FILE", help="Certificate, with its chain, as PEM.")
@click.option("--tls-key", metavar="FILE", help="The certificate's key, as PEM.")
@click.option("--no-browser", is_flag=True, help="Print the address, and open no browser.")
def command(
    place: str | None,
    archive: str | None,
    photos: str | None,
    by: str,
    check: int | None,
    absences: int | None,
    seed: int | None,
    port: int,
    host: str,
    names: tuple[str, ...],
    tls_cert: str | None,
    tls_key: str | None,
    no_browser: bool,
) -> int:
    """Open a page on this machine to name faces, correct names, and look after who is missing.

    DIR is an archive, or the --out of a run. The page is on 127.0.0.1, and its address has a token:
    whoever has the address may look and answer. It is there until Ctrl-C. Every answer is recorded
    at once, as `headcount apply` does, and leaves a line in the audit log.

    With --check the page shows names and absences of the latest job, drawn at random, to be judged
    by one key each. What comes of it, with an upper bound, goes into the job's report and summary
    once it is signed. A check that was interrupted goes on.
    """
    _require_tls(host, names, tls_cert, tls_key)
    wanted = _check_arguments(check, absences, seed, by)
    require_worker_libraries()
    load_settings()
    s3 = load_s3()
    store = existing_archive(_archive(place, archive, s3), s3)
    if not audit.record_reading(store, "review", "archive"):
        say("not in the audit log: this account may not write to the archive", err=True)
    arguments = [store.uri, "--host", host, "--port", str(port), "--by", by]
    arguments += [part for name in names for part in ("--name", name)]
    arguments += ["--photos", photos] if photos else []
    arguments += ["--tls-cert", tls_cert, "--tls-key", tls_key] if tls_cert and tls_key else []
    arguments += wanted
    with start_page(arguments) as page:
        return Desk(page, store, s3, photos).work(None if no_browser else webbrowser.open)


def _check_arguments(
    check: int | None, absences: int | None, seed: int | None, by: str
) -> list[str]:
    """What the page is told of a check. Raises a usage error where nobody would sign it."""
    if check is None:
        if absences is not None or seed is not None:
            raise click.UsageError("--absences and --seed go with --check N")
        return []
    if not by.strip():
        raise click.UsageError("a check is signed: say with --by NAME who judges")
    absences = check // 2 if absences is None else absences
    told = ["--check", str(check), "--absences", str(absences)]
    return told if seed is None else [*told, "--seed", str(seed)]


def _require_tls(
    host: str, names: tuple[str, ...], certificate: str | None, key: str | None
) -> None:
    """Raise a usage error where a page would go over a network in the clear."""
    if bool(certificate) != bool(key):
        raise click.UsageError("--tls-cert and --tls-key go together")
    if certificate is None and (host not in LOOPBACK or names):
        raise click.UsageError(
            f"--host {host} would show faces and names to a network in the clear: give --tls-cert "
            "and --tls-key, or leave it and use `ssh -L`"
        )
    if host in ("0.0.0.0", "::") and not names:  # noqa: S104 - what is refused
        raise click.UsageError(
            f"--host {host} is no name that a browser asks for: give --name HOST too"
        )


def _archive(place: str | None, archive: str | None, s3: S3Settings) -> str:
    """The archive that is meant. Raises a usage error where none is given or near."""
    if place and archive and place != archive:
        raise click.UsageError("give DIR or --archive, not both")
    if place or archive:
        return place or archive or ""
    for folder in WITHIN:
        try:
            found = existing_archive(archive_in(folder, s3), s3)
        except (HeadcountError, click.UsageError):
            continue
        if next(iter(found.list("archive.json")), None):
            return found.uri
    raise click.UsageError(
        "there is no archive here: give --archive URI, or the folder that a run wrote to"
    )


@dataclass
class Desk:
    """Does what the page asks for: it records answers, and has the archive matched anew."""

    page: Page
    store: Store
    s3: S3Settings
    photos: str | None
    _answering: Answering | None = None
    _rematch: subprocess.Popen[str] | None = None

    def work(self, browse: Callable[[str], object] | None) -> int:
        """Work until the page ends, or this process is told to."""
        try:
            for message in self.page.messages():
                if "ready" in message:
                    self._open(str(message["ready"]), browse)
                else:
                    self._do(message)
        except KeyboardInterrupt:
            say("the page is closed; everything that was answered is recorded", err=True)
        finally:
            self._end_rematch()
        return 0

    def _open(self, address: str, browse: Callable[[str], object] | None) -> None:
        say(address)
        say("the page is there until Ctrl-C; whoever has this address may answer", err=True)
        sys.stdout.flush()
        if browse is not None:
            threading.Thread(target=browse, args=(address,), daemon=True).start()
        self._answers()  # read while somebody looks at the first screen

    def _answers(self) -> Answering:
        if self._answering is None:
            # libraries of tables: the page starts meanwhile
            from orchestrator.people.answering import Answering

            self._answering = Answering(self.store, self.s3)
        return self._answering

    def _do(self, message: Message) -> None:
        """Do what one message asks for, and reply."""
        number = message.get("id")
        try:
            reply = self._done(message)
        except HeadcountError as error:
            reply = {"error": str(error)}
        if reply is not None:
            self.page.reply({"id": number, **reply})

    def _done(self, message: Message) -> dict[str, Any] | None:
        wanted = message.get("do")
        if wanted == "apply":
            return self._answers().apply(message["lines"], sure=message.get("sure", True))
        if wanted == "undo":
            return self._answers().undo(message["ids"])
        if wanted == "note":
            audit.record_reading(self.store, str(message["action"]), str(message["subject"]))
            return {}
        if wanted == "rematch":
            self._begin_rematch(int(message["id"]))
            return None
        raise FatalError("the page asked for something that is not known here")

    # -- matching anew ----------------------------------------------------------------------------

    def _begin_rematch(self, number: int) -> None:
        """Have the collection matched anew beside the acts, by a process of its own."""
        thread = threading.Thread(target=self._match, args=(number,), name="rematch", daemon=True)
        thread.start()

    def _match(self, number: int) -> None:
        began, said = now(), []
        more = [self.photos] if self.photos else []
        command = ["rematch", f"--archive={self.store.uri}", "--", *more]
        self._rematch = process = subprocess.Popen(
            [sys.executable, "-P", "-c", "from orchestrator.cli import main; main()", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        for line in process.stdout or ():
            said.append(line)
            self.page.reply({"id": number, "progress": line.strip()})
        code = process.wait()
        self._rematch = None
        if code not in (0, 3):
            self.page.reply({"id": number, "error": "".join(said[-5:]).strip() or "it failed"})
            return
        from headcount.archive.selection import latest_end

        end = latest_end(self.store, began, None)
        self.page.reply({"id": number, "job": end.job_id if end else None, "summary": said[-20:]})

    def _end_rematch(self) -> None:
        process = self._rematch
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait()
