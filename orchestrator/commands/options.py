"""Options that several commands share, and the settings built from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from pydantic import ValidationError

from headcount.collections.patterns import Patterns
from headcount.contract.layout import ARCHIVE, JOBS, PACKS
from headcount.contract.record import now
from headcount.contract.stored.jobs import TABLE_FORMATS
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.settings import PROFILES, Settings
from headcount.storage import Store, canonical_uri
from orchestrator.jobs.submit import open_archive
from orchestrator.jobs.until import end_of

BESIDE_RESULTS = "archive/"
"""The archive that a run without --archive makes in its --out."""

F = TypeVar("F", bound=Callable[..., Any])

archive_option = click.option(
    "--archive",
    envvar="HEADCOUNT_ARCHIVE",
    required=True,
    metavar="URI",
    help="The archive, or the --out of a run: a folder or s3:// URI (or HEADCOUNT_ARCHIVE).",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
metrics_option = click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    envvar="HEADCOUNT_METRICS_PORT",
    metavar="PORT",
    help="Serve /metrics, /healthz and /readyz there (on HEADCOUNT_METRICS_HOST).",
)
job_argument = click.argument("job")
latest_job_argument = click.argument("job", required=False)


class RereadType(click.ParamType[int | str]):
    """A number of photos from 1 on, or ``all``."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        """Read the number."""
        if value == "all":
            return "all"
        if not (str(value).isdecimal() and int(value)):
            self.fail(f"{value!r} is neither a number of photos nor `all`", param, ctx)
        return int(value)


reread_option = click.option(
    "--reread",
    type=RereadType(),
    metavar="N|all",
    help="Read anew so many photos of an older reading, those first that may gain most.",
)


def check_until(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> str | None:
    """Return the time as it was given. Raises a usage error for one that is none, or past."""
    if value is not None:
        try:
            end_of(value, now())
        except FatalError as error:
            raise click.BadParameter(str(error), context, parameter) from error
    return value


first_option = click.option(
    "--first",
    type=click.IntRange(min=1),
    metavar="N",
    help="A first look: N photos drawn at random; `resume` goes on with all.",
)


def model_options(command: F) -> F:
    """Add --model, --provider and --threads to a command."""
    options = [
        click.option("--model", metavar="PACK", help="Model pack: name, folder or s3:// URI."),
        click.option(
            "--provider",
            type=click.Choice(["auto", "cpu", "cuda", "tensorrt"]),
            help="Where models run.",
        ),
        click.option("--threads", type=click.IntRange(min=1), help="CPU threads of one worker."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


keep_poor_option = click.option(
    "--keep-poor",
    is_flag=True,
    help="Keep references that are blurred, cut off, or unlike the person's others.",
)
BUDGET_OPTIONS = (
    click.option(
        "--until",
        metavar="TIME",
        callback=check_until,
        help="Begin no more photos after it: HH:MM, or a date and time. The rest is left.",
    ),
    click.option(
        "--worker-hours",
        type=click.FloatRange(min=0, min_open=True),
        metavar="H",
        help="Begin no more photos once workers spent so many hours on them.",
    ),
)
"""Limits of a job, after which it leaves the rest to the next one."""


def check_globs(
    context: click.Context, parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    """Return globs as they were given. Raises a usage error for one that is none."""
    try:
        Patterns.of_options(value)
    except FatalError as error:
        raise click.BadParameter(str(error), context, parameter) from error
    return value


SELECTION_OPTIONS = (
    click.option("--all-objects", is_flag=True, help="Treat every object as a photo."),
    click.option("--archives", is_flag=True, help="Read photos in tar and ZIP files too."),
    click.option(
        "--exclude",
        metavar="GLOB",
        multiple=True,
        callback=check_globs,
        help="Leave these photos out, as a line of .gitignore would; may be given again.",
    ),
    click.option(
        "--include",
        metavar="GLOB",
        multiple=True,
        callback=check_globs,
        help="Let these in, whatever would leave them out; may be given again.",
    ),
)
"""The choice of photos among the objects of a collection."""
JOB_OPTIONS = (
    click.option("--people", metavar="PEOPLE", help="Reference photos: a folder per person."),
    keep_poor_option,
    click.option(
        "--expected", metavar="FILE", help="A roster, CSV or XLSX: who is expected where."
    ),
    click.option(
        "--profile",
        type=click.Choice(PROFILES),
        help="Thoroughness of the search for faces.  [default: balanced]",
    ),
    *SELECTION_OPTIONS,
    click.option(
        "--beside",
        is_flag=True,
        help="Embed with --model beside the archive's pack in use (see `packs`).",
    ),
    click.option(
        "--annotate",
        type=click.IntRange(min=0),
        default=200,
        show_default=True,
        metavar="N",
        help="Photos drawn with boxes and shown in the report, at most.",
    ),
    click.option(
        "--priority",
        type=click.Choice(["low", "normal", "high"]),
        default="normal",
        show_default=True,
        help="Share of the workers, relative to other jobs: 1, 3 or 9 parts.",
    ),
    click.option(
        "--false-positives",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        default=1e-3,
        show_default=True,
        help="Share of strangers that may be matched to an enrolled person.",
    ),
    click.option(
        "--purity",
        type=click.FloatRange(0, 1),
        default=0.5,
        show_default=True,
        help="Clusters: 1 for few wrong merges, 0 for few split people.",
    ),
    reread_option,
    *BUDGET_OPTIONS,
    click.option(
        "--format",
        "formats",
        multiple=True,
        type=click.Choice(TABLE_FORMATS),
        help="Further formats of the result tables; may be given again.",
    ),
)
"""People, profile, thresholds and formats of a job, in the order of --help."""


def job_options(command: F) -> F:
    """Add the options of a job request to a command: people, profile, thresholds, formats."""
    for option in reversed(JOB_OPTIONS):
        command = option(command)
    return command


def selection_options(command: F) -> F:
    """Add the options that choose photos among objects to a command."""
    for option in reversed(SELECTION_OPTIONS):
        command = option(command)
    return command


def budget_options(command: F) -> F:
    """Add --until and --worker-hours to a command."""
    for option in reversed(BUDGET_OPTIONS):
        command = option(command)
    return command


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment, overridden by the command line. Raises FatalError."""
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        raise FatalError(_settings_trouble(error)) from error


def load_s3() -> S3Settings:
    """S3 settings from the environment. Raises FatalError for a bad one."""
    try:
        return S3Settings()
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        names = [str(part) for part in first["loc"][:1]]
        said = str(first["msg"]).removeprefix("Value error, ")
        raise FatalError(": ".join(["S3 settings", *names, said])) from None
    except ValueError as error:  # of a place with settings of its own
        raise FatalError(f"S3 settings: {error}") from None


def _settings_trouble(error: ValidationError) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else "?"
    return f"setting HEADCOUNT_{name.upper()}: {first['msg']}"


def archive_in(uri: str, s3: S3Settings) -> str:
    """The URI of the archive that a place is or, of a folder of results, that it holds."""
    store = open_archive(canonical_uri(uri), s3)
    held = not _is_archive(store, "") and _is_archive(store, BESIDE_RESULTS)
    return store.uri + BESIDE_RESULTS if held else store.uri


def _is_archive(store: Store, below: str) -> bool:
    """Whether the first things that any archive gets are below a folder."""
    return any(next(iter(store.list(below + key)), None) for key in (ARCHIVE, JOBS, PACKS))


def existing_archive(uri: str, s3: S3Settings) -> Store:
    """The store of an archive that exists, also given as the --out of a run that made it there.

    Raises a usage error where the place is empty.
    """
    store = open_archive(archive_in(uri, s3), s3)
    if next(iter(store.list()), None) is None:
        raise click.UsageError(
            f"there is no archive in {store.uri}: check the path; `headcount run` makes one"
        )
    return store
