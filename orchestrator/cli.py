"""``headcount``: one command with sub-commands, each imported only when it is called."""

from __future__ import annotations

import atexit
import difflib
import importlib
import os
import sys
import threading
from typing import NoReturn

import click

from headcount import __version__
from headcount.storage.local.private import keep_others_out
from orchestrator.local import interrupt
from orchestrator.terminal import say_lines, say_text

SECTIONS = {
    "Start": {
        "demo": "do the main job on sample photos, nothing to set up",
        "run": "take the roll of a collection, on this machine",
        "plan": "estimate a job before anything is spent",
        "doctor": "check broker, store, models and providers; say how to mend",
    },
    "People": {
        "enroll": "add reference photos of people to an archive",
        "people": "list who is enrolled in an archive",
        "forget": "remove a person from the archive and its results",
    },
    "Results": {
        "results": "show a job's counts and where its results lie",
        "search": "find every photo with the person in a photo",
        "explain": "show why a face has its name, or none, and what would change it",
        "diff": "compare the results of two jobs",
        "export": "write a job's result tables in other formats",
    },
    "Answers": {
        "review": "name faces and correct names on a page in the browser",
        "name": "say who a cluster or a face is",
        "apply": "record answers from a file: names, not, same, apart and more",
        "answers": "list, write or undo what people said of faces",
    },
    "Jobs": {
        "submit": "hand a job to a cluster; prints the job id",
        "status": "show how far a job is",
        "watch": "follow a job until it ends",
        "pause": "stop a job until it is resumed",
        "cancel": "end a job; what is done is kept",
        "resume": "go on with a job that is paused, cancelled, failed or cut off",
        "retry": "begin a new job over the photos that failed",
        "rematch": "match and cluster an archive's faces anew; no photo is read",
        "jobs": "list the jobs of an archive",
    },
    "Cluster": {
        "worker": "work for a cluster: fetch, detect, embed, match",
        "supervise": "drive submitted jobs to their end",
        "beat": "wake the supervisor when a schedule is due",
        "schedule": "begin a job again and again, such as every night",
    },
    "Archive": {
        "rollback": "restore the archive as it was after an earlier job",
        "prune": "remove old jobs' results, records and versions",
        "verify": "check every file of an archive; say what to do about damage",
        "packs": "list, use or drop the model packs of an archive",
        "models": "list, prepare or verify model packs",
        "calibrate": "measure each threshold's error rate on an archive's faces",
        "audit": "show who searched, named or forgot whom",
    },
}
"""The commands in the sections of ``--help``, each with its line there."""
GONE = {
    "reject": "write a line `not,FACE_OR_CLUSTER,PERSON` for `headcount apply`",
    "link": "write a line `same,ONE OTHER` or `apart,ONE OTHER` for `headcount apply`",
}
"""Commands of earlier builds, and what is in their place."""
NEAR = 0.6
"""Likeness of a mistyped command to one that is suggested, as difflib measures it."""
COMMANDS = {name: line for section in SECTIONS.values() for name, line in section.items()}


class Commands(click.Group):
    """Group of the sub-commands. None is imported for --help, which is quick therefore."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names of the sub-commands, in the order of ``--help``."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a sub-command; None for an unknown name."""
        if cmd_name in GONE:
            raise click.UsageError(f"there is no `{cmd_name}` any more: {GONE[cmd_name]}")
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"orchestrator.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called; for an unknown one, say which is nearest."""
        word = args[0]
        if word[:1] != "-" and word not in COMMANDS and word not in GONE:
            raise click.UsageError(_unknown(word), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002
        formatter: click.HelpFormatter,
    ) -> None:
        """Write one section per group of commands, without importing any."""
        width = max(map(len, COMMANDS))
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), line) for name, line in commands.items()])


def _unknown(word: str) -> str:
    """The words about a command that there is not, with the nearest ones that there are."""
    near = difflib.get_close_matches(word, COMMANDS, n=2, cutoff=NEAR)
    hint = " or ".join(f"`{name}`" for name in near)
    return f"there is no `{word}`" + (f": did you mean {hint}?" if near else "")


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="headcount %(version)s")
def headcount() -> None:
    """Take the roll of a photo archive: find every face, say who it is and how sure that is.

    PHOTOS and PEOPLE are a path or an s3:// URI everywhere. Exit codes: 0 done, 1 failed,
    2 usage, 3 done with photos that could not be processed.
    """


def main() -> None:
    """Run the command line; print errors meant for people as one line, with exit code 1."""
    _end(_run())


def _run() -> int:
    """Run the command line; give its exit code."""
    keep_others_out()
    interrupt.listen()
    try:
        code = headcount.main(standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return _failed(
            "stopped. Nothing that was finished is lost: the same command goes on from here"
        )
    except click.exceptions.NoArgsIsHelpError as error:
        say_lines(error.format_message().split("\n"))
        return 2
    except click.ClickException as error:
        error.show()
        return 2
    except Exception as error:
        from headcount.errors import HeadcountError

        if not isinstance(error, HeadcountError) or os.environ.get("HEADCOUNT_DEBUG"):
            raise
        return _failed(str(error))
    return code if isinstance(code, int) else 0


def _failed(message: str) -> int:
    say_text(f"headcount: {message}", err=True)
    return 1


def _end(code: int) -> NoReturn:
    """End the process with this code, once our own threads and exit handlers are done.

    Python's own end is left out: a thread of a library that wants the interpreter meanwhile (those
    of the tables' library do, now and then) has the process aborted, with exit code 134, after all
    was done well.
    """
    threading._shutdown()  # type: ignore[attr-defined]  # as Python does: it joins threads
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # there is none in some services
                stream.flush()
        except (BrokenPipeError, ValueError):
            continue  # whoever read it has gone, or it is closed
        except OSError:  # what was printed is lost, as on a full disk
            code = code or 1
    os._exit(code)
