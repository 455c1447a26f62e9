"""Versions of an archive's table: their times, the files that they refer to, their removal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import PurePosixPath

import lance

from headcount.tables.faults import translated
from headcount.tables.table import Table


def version_times(table: Table) -> dict[int, datetime]:
    """The time at which each version was made, by number; reads every manifest."""
    with translated(table.uri):
        return {
            int(version["version"]): version["timestamp"].astimezone(UTC)  # naive: local time
            for version in table.opened().versions()
        }


def tracked_files(table: Table, since: int = 0) -> dict[str, set[int]]:
    """The versions that refer to each file, by the file's path in the table's folder.

    Files of versions before ``since`` are left out. All are complete: a file is written before the
    manifest that refers to it.
    """
    found: defaultdict[str, set[int]] = defaultdict(set)
    with translated(table.uri):
        for batch in table.opened().tracked_files(min_version=since or None):
            for path, version in zip(
                batch["path"].to_pylist(), batch["version"].to_pylist(), strict=True
            ):
                found[path].add(version)
    return dict(found)


def remove_versions(table: Table, versions: Collection[int]) -> tuple[int, int]:
    """Remove versions, and files that no other version refers to; how many went, and their bytes.

    Lance removes staged files beside them that are a week old. The latest version always stays.
    """
    with translated(table.uri):
        stats = table.opened().cleanup_old_versions(
            versions=sorted(versions), error_if_tagged_old_versions=False
        )
    return int(stats.old_versions), int(stats.bytes_removed)


def drop_files(table: Table, paths: Collection[str]) -> int:
    """Take the fragments that have these data files out of the table; the number of fragments.

    Nothing of them is read. Paths are those in the table's folder.
    """
    wanted = {PurePosixPath(path).name for path in paths}
    with translated(table.uri):
        dataset = table.opened()
        bad = [
            fragment.fragment_id
            for fragment in dataset.get_fragments()
            if wanted & {PurePosixPath(file.path).name for file in fragment.metadata.files}
        ]
        if bad:
            lance.LanceDataset.commit(
                dataset,
                lance.LanceOperation.Delete([], bad, "damaged"),
                read_version=dataset.version,
            )
    return len(bad)
