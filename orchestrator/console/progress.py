"""Display of a job's progress: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from headcount.contract.stored.in_hand import HeldUnit
from headcount.contract.stored.jobs import ProgressRecord
from headcount.contract.stored.workers import SlowPhoto, WorkerRefusal
from headcount.text import counted, printable
from orchestrator.jobs.progress import Reporter

STAGES = {
    "prepare": "loading models, enrolling people",
    "plan": "listing photos",
    "embed": "finding faces",
    "commit": "committing to the archive",
    "split": "sharing out the faces",
    "match": "matching",
    "join": "finding neighbours",
    "reduce": "matching, clustering, writing results",
    "done": "done",
    "failed": "failed",
    "paused": "paused",
    "cancelled": "cancelled",
    "undone": "undone by a rollback since",
}
ENDS = ("done", "failed", "paused", "cancelled")
BOUNDS = {
    "wait": "fetch",
    "decode": "decode",
    "detect": "detect",
    "align": "align",
    "embed": "embed",
    "write": "write",
}
"""Name of the bottleneck, by the stage that takes most of the threads' time."""
HELD_SHOWN = 64
"""Units in hand that are told one by one: a window of the usual size."""
SILENT_SECONDS = 8
"""A worker is said to be silent after so long: it sends a heartbeat every 1.5 s."""
LINE_SECONDS = 10.0
"""Seconds between two lines of progress, at least."""


@contextmanager
def make_reporter(stream: TextIO) -> Iterator[Reporter]:
    """Yield a reporter for the stream: bars on a terminal, else lines."""
    if not stream.isatty():
        yield Lines(stream)
        return
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        Counted(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        console=Console(file=stream),
    )
    with progress:
        yield Bars(progress)


def duration(seconds: float) -> str:
    """Duration in words: 40 s, 12 min, 3 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def rate(record: ProgressRecord) -> str:
    """Photos per second, time left and bottleneck in words; empty while not known."""
    if record.photos_per_second is None:
        return ""
    text = f"{record.photos_per_second:.1f} photos/s"
    if record.seconds_left is not None and record.seconds_left > 0:
        text += f", {duration(record.seconds_left)} left"
    if what := bound(record.stages):
        text += f", {what}"
    return text


def slow_line(slow: SlowPhoto) -> str:
    """Line about a photo that takes long."""
    return f"{slow.worker} is at the photo {slow.photo} for {duration(slow.seconds)}"


def held_lines(held: Sequence[HeldUnit]) -> list[str]:
    """Lines about the units in hand, a line for each; of very many, the first."""
    lines = [
        f"{unit.worker} has {unit.unit}: {counted(unit.photos, 'photo')} done in "
        f"{duration(unit.seconds)}"
        + (f", silent for {duration(unit.silent)}" if unit.silent >= SILENT_SECONDS else "")
        for unit in held[:HELD_SHOWN]
    ]
    more = len(held) - len(lines)
    return [*lines, f"and {counted(more, 'more unit')} in hand (--json has all)"] if more else lines


def refusal_line(refusal: WorkerRefusal) -> str:
    """Line about a worker that cannot work."""
    return f"the worker {refusal.worker} cannot work: {refusal.cause}"


def bound(stages: Mapping[str, float]) -> str:
    """Bottleneck of the embed stage and its share of the threads' time: ``decode-bound 71 %``.

    Fetching runs beside the analysis, so its own seconds don't count: it is the bottleneck where
    the analysing threads wait for photos. Empty while no shard is done.
    """
    spent = {stage: stages.get(stage, 0.0) for stage in BOUNDS}
    total = sum(spent.values())
    if not total:
        return ""
    stage = max(spent, key=spent.__getitem__)
    return f"{BOUNDS[stage]}-bound {100 * spent[stage] / total:.0f} %"


class Rematching:
    """Reporter of a rematch: the same stages in the words that are true of it."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self.progress, self.warn = reporter.progress, reporter.warn

    def stage(self, name: str) -> None:
        """Show the stage; planning, which only counts, is left out."""
        if name != "plan":
            self._reporter.stage("reading the archive" if name == "prepare" else name)


class Counted(MofNCompleteColumn):
    """Column with the photos done and in all, on bars that count photos."""

    def render(self, task: Task) -> Text:
        """Text of the two numbers; empty for a stage that counts none."""
        return super().render(task) if task.total and task.total > 1 else Text("")


class Bars:
    """Reporter with one bar per stage, for a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None, rate="", visible=False)

    def stage(self, name: str) -> None:
        """Finish the bar of the last stage and begin another."""
        self._close()
        if name not in ENDS:
            self._task = self._progress.add_task(STAGES.get(name, name), total=None, rate="")

    def _close(self) -> None:
        task = self._progress.tasks[self._task]
        if task.total is None:
            self._progress.update(self._task, total=1, completed=1)
        else:
            self._progress.update(self._task, rate="")
        self._progress.stop_task(self._task)

    def progress(self, snapshot: ProgressRecord) -> None:
        """Move the bar to the photos done."""
        if snapshot.photos_total:
            self._progress.update(
                self._task,
                completed=snapshot.photos_done,
                total=snapshot.photos_total,
                rate=escape(printable(slow_line(snapshot.slow)))
                if snapshot.slow
                else rate(snapshot),
            )

    def warn(self, text: str) -> None:
        """Show a warning above the bars."""
        self._progress.console.print(f"[yellow]{escape(printable(text))}[/yellow]")


class Lines:
    """Reporter with a line per stage and one every few seconds, for logs and pipes."""

    def __init__(self, stream: TextIO, name: str = "") -> None:
        self._stream = stream
        self._prefix = f"{name}: " if name else ""
        self._last = 0.0

    def _say(self, text: str) -> None:
        self._stream.write(f"{self._prefix}{printable(text)}\n")
        self._stream.flush()

    def stage(self, name: str) -> None:
        """Write the name of the stage that begins."""
        self._last = time.monotonic()
        self._say(STAGES.get(name, name))

    def progress(self, snapshot: ProgressRecord) -> None:
        """Write the photos done, at most every ``LINE_SECONDS``."""
        if snapshot.photos_total and time.monotonic() - self._last > LINE_SECONDS:
            self._last = time.monotonic()
            self._say(
                f"  {snapshot.photos_done:,} of {snapshot.photos_total:,} photos"
                + (f", {text}" if (text := rate(snapshot)) else "")
            )
            if snapshot.slow:
                self._say(f"  {slow_line(snapshot.slow)}")

    def warn(self, text: str) -> None:
        """Write a warning."""
        self._say(f"warning: {text}")
