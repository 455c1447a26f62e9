"""``headcount``: one command with sub-commands, each loaded only when it is called."""

from __future__ import annotations

import importlib
import os
import sys

import click

from headcount import __version__
from orchestrator.local import interrupt

COMMANDS = {
    "demo": "the main job on sample photos, nothing to set up",
    "run": "take the roll of a collection, on this machine",
    "enroll": "add reference photos of people to an archive",
    "plan": "what a job would be, before anything is spent",
    "submit": "hand a job to a cluster; prints the job id",
    "supervise": "drive submitted jobs to their end",
    "worker": "work for a cluster: fetch, detect, embed, match",
    "schedule": "jobs that are begun every night",
    "beat": "wake the supervisor when a schedule is due",
    "status": "how a job stands",
    "watch": "follow a job until it ends",
    "pause": "let a job stand still until it is resumed",
    "cancel": "end a job; what is done is kept",
    "resume": "go on with a job that was paused, cancelled, interrupted, or failed",
    "retry": "a new job over the photos that failed",
    "jobs": "the jobs of an archive",
    "results": "what a job found, and where its results lie",
    "export": "a job's result tables in other formats",
    "people": "who is enrolled in an archive",
    "name": "say who a cluster or a face is",
    "reject": "say who a face is not",
    "link": "say that two faces or clusters are one person, or two",
    "search": "every photo with the person in a photo",
    "diff": "what differs between two jobs",
    "rollback": "the archive as it was with an earlier job",
    "forget": "remove a person from the archive and its results",
    "packs": "the model packs of an archive: list, use, drop",
    "calibrate": "which threshold gives which error rate, on an archive's own faces",
    "models": "model packs: listed, prepared ahead of time, verified",
    "audit": "who searched, named or forgot whom",
    "doctor": "check broker, store, models, providers; say how to mend what is wrong",
}


class Commands(click.Group):
    """Sub-commands by name; importing one is left to its call, so that --help is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """In the order of a newcomer's path."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command itself."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"orchestrator.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002
        formatter: click.HelpFormatter,
    ) -> None:
        """The list of commands, without loading any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="headcount %(version)s")
def headcount() -> None:
    """Take the roll of a photo archive: find every face, say who it is and how sure that is.

    PHOTOS and PEOPLE are a path or an s3:// URI everywhere. Exit codes: 0 done, 1 failed,
    2 usage, 3 done with photos that could not be processed.
    """


def main() -> None:
    """The entry point: errors meant for people become one line and exit code 1."""
    interrupt.listen()
    try:
        code = headcount.main(standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        _leave("stopped. Nothing that was finished is lost: the same command goes on from here", 1)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except Exception as error:
        from headcount.errors import HeadcountError

        if not isinstance(error, HeadcountError) or os.environ.get("HEADCOUNT_DEBUG"):
            raise
        _leave(str(error), 1)
    sys.exit(code if isinstance(code, int) else 0)


def _leave(message: str, code: int) -> None:
    click.echo(f"headcount: {message}", err=True)
    sys.exit(code)
