"""Everything that headcount writes: every place in an archive and beside the results, in one list.

Whoever adds a place adds a line. `forget` has to clear the places in which a person may be; one
test looks for a forgotten person in all of them, and fails where an object is in none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Place:
    """Objects of one kind. In ``pattern`` ``<x>`` is one part of a key, ``**`` all that is below.

    ``people`` says whether a name, a face id or an embedding of a person may be in there.
    """

    pattern: str
    holds: str
    people: bool = False

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        parts = re.split(r"(<[^>]+>|\*\*)", self.pattern)
        wild = {"**": ".+"}
        made = (wild.get(p, "[^/]+") if p[:1] in ("<", "*") else re.escape(p) for p in parts)
        return re.compile("".join(made))

    def has(self, key: str) -> bool:
        """Whether an object with this key is of the kind."""
        return self._regex.fullmatch(key) is not None


RESULTS = (
    Place("<table>.parquet", "a result table", people=True),
    Place("<table>.csv", "the same as CSV", people=True),
    Place("<table>.xlsx", "the same as a workbook", people=True),
    Place("<table>.jsonl", "the same as JSON Lines", people=True),
    Place("tables.json", "the marks of these files"),
    Place("diff.json", "what differs from the run before", people=True),
    Place("summary.json", "counts, the job's spec, who looks like whom", people=True),
    Place("annotated/**", "photos with boxes and names", people=True),
    Place("report/index.html", "the report, with crops and names", people=True),
    Place("report/photos-<n>.html", "further photos of a large report", people=True),
)
"""The places of a job's results, below its ``--out``."""


def _results_in(folder: str) -> tuple[Place, ...]:
    return tuple(Place(folder + p.pattern, p.holds, people=p.people) for p in RESULTS)


ARCHIVE = (
    Place("archive.json", "what this archive is, and the pack that it goes by"),
    Place("conditional.json", "that its store was found to have conditional writes"),
    Place("probes/<probe>", "left by a trial of the store that was killed"),
    Place("packs/<pack>/pack.json", "the model pack: digests, licence, thresholds"),
    Place("packs/<pack>/reading.json", "the newest reading of its rows"),
    Place("packs/<pack>/calibration.json", "thresholds measured on this archive"),
    Place("packs/<pack>/photos.lance/**", "one row per photo, with what it carries", people=True),
    Place("packs/<pack>/faces.lance/**", "one row per face, with its embedding", people=True),
    Place("packs/<pack>/gallery.lance/**", "one row per reference", people=True),
    Place("packs/<pack>/rolls/<collection>/<job>.parquet", "what a job said of faces", people=True),
    Place("packs/<pack>/expected/<collection>/<job>.parquet", "who was expected", people=True),
    Place("packs/<pack>/lineage/<collection>/<job>.parquet", "what became of clusters"),
    Place("decisions/<time>.json", "what people said: answers", people=True),
    Place("checks/<check>.json", "names and absences judged by a person", people=True),
    Place("forgetting.json", "a `forget` that is under way: no job writes meanwhile"),
    Place("forgotten/<person>.json", "who was forgotten, and the receipt of it", people=True),
    Place("indexes/<index>/**", "what lies where in one version of a tar, ZIP or manifest"),
    Place("leases/<name>/<term>.json", "who drives a collection's jobs: the last term"),
    Place("leases/<name>/<term>.sign", "renewed by that holder"),
    Place("commits/<collection>.json", "the job whose commit of a collection was the last"),
    Place("jobs/<job>/spec.json", "what was asked for"),
    Place("jobs/<job>/plan.json", "written last by planning: counts, number of shards"),
    Place("jobs/<job>/shards/<unit>.json", "a shard's manifest: the photos it covers"),
    Place("jobs/<job>/replaced/<list>.json", "photos whose old rows go"),
    Place("jobs/<job>/attempts/<unit>/<attempt>.json", "one attempt at a unit of work"),
    Place("jobs/<job>/suspects/<unit>/<attempt>.json", "the photo that an attempt was at"),
    Place("jobs/<job>/done/<unit>.json", "written last by a unit: its report", people=True),
    Place("jobs/<job>/failed/<unit>.json", "why a unit of work cannot succeed", people=True),
    Place("jobs/<job>/reduce/**", "what tasks of a large reduce stage hand on", people=True),
    Place("jobs/<job>/first.json", "the photos drawn for a first look"),
    Place("jobs/<job>/cut.json", "what a job left when its budget was spent"),
    Place("jobs/<job>/answers.json", "the keys of the answers that a job took in"),
    Place("jobs/<job>/commit.json", "the versions of the tables with this job in them"),
    Place("jobs/<job>/progress.json", "a snapshot for `status` and `watch`"),
    Place("jobs/<job>/control.json", "there while the job is paused or cancelled"),
    Place("jobs/<job>/finished.json", "the job's end: counts, state, the message", people=True),
    *_results_in("jobs/<job>/results/"),
    Place("schedules/<schedule>.json", "a job that is begun again and again"),
    Place("schedules/<schedule>/nights/<night>.json", "one time that it was begun"),
    Place("schedules/<schedule>/told/<night>", "whoever wanted to know was told of its end"),
    *_results_in("nights/<schedule>/<date>/"),
    Place("rollback.json", "a rollback that is under way"),
    Place("rollbacks/<time>.json", "a rollback that was done"),
    Place("pruning.json", "a `prune` that is under way"),
    Place("sums/<record>.json", "SHA-256 of the tables' files"),
    Place("audit/<date>/<entry>.json", "who searched, named or forgot whom: ids, no names"),
)
"""The places of an archive; their keys are made in layout.py."""


def place_of(key: str, places: Iterable[Place]) -> Place | None:
    """The place of an object; None where the list has none for it."""
    return next((place for place in places if place.has(key)), None)
