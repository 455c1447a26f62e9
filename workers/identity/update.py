"""Bring an archive's answers and gallery up to the faces of a run, before they are matched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from headcount.answers.renames import Renames
from headcount.answers.taken import note_taken
from workers.identity.apply_answers import Answers
from workers.identity.enrol_named import enrol_named
from workers.identity.inherit import inherit_names
from workers.identity.load_answers import load_answers
from workers.identity.remap import find_remapped, remap_answers
from workers.identity.remap_references import remap_references
from workers.identity.settle_marks import settle_marks
from workers.tables.embeddings import EmbeddingLookup
from workers.tables.pack_tables import PackTables


@dataclass(frozen=True, slots=True)
class Known:
    """People's answers as this run's faces, and the faces whose id has changed (FACE_ID_MAP)."""

    answers: Answers
    remapped: pa.Table


def bring_up_to_date(
    tables: PackTables,
    job_id: str,
    faces: pa.Table,
    embeddings: EmbeddingLookup,
    *,
    enrol: bool,
    confirm: Callable[[], None],
    renames: Renames | None = None,
) -> Known:
    """Apply people's answers to the faces of this run; with ``enrol``, names become references.

    ``renames`` are those that the gallery is read with, where that is settled already; else they
    are those of the answers. ``confirm`` raises where nothing may be written any more. Doing it
    again changes nothing.
    """
    if enrol:
        note_taken(tables.store, job_id, confirm)
    remapped = find_remapped(tables, job_id, faces, embeddings)
    remap_answers(tables, faces, remapped, confirm=confirm)
    remap_references(tables, faces, embeddings, remapped.ids, confirm=confirm)
    answers = load_answers(tables, faces, renames)
    if enrol:
        settle_marks(tables, faces, answers.records, confirm=confirm)
        enrol_named(tables, faces, embeddings, answers, confirm=confirm)
        inherit_names(tables, job_id, faces, embeddings, answers, confirm=confirm)
    return Known(answers, remapped.ids)
