"""Leftovers: files that other programs put among photos, by the names of files and folders.

Only names are listed that nobody gives to photos. Case does not matter: shares change it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from headcount.text import counted


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule about leftovers: its name, the globs of its folders and files, and whose they are.

    A folder's glob may have several parts: ``*.photoslibrary/resources``.
    """

    name: str
    of: str
    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


HIDDEN_FOLDERS, HIDDEN_FILES = "hidden folders", "hidden files"

RULES = (
    Rule("@eaDir", "thumbnails of Synology", ("@eadir",)),
    Rule("SYNOPHOTO_THUMB_*", "thumbnails of Synology, moved", files=("synophoto_thumb_*",)),
    Rule("#recycle", "recycle bin of Synology", ("#recycle",)),
    Rule("#snapshot", "snapshots of Synology", ("#snapshot",)),
    Rule(".@__thumb", "thumbnails of QNAP", (".@__thumb",)),
    Rule("@Recycle", "recycle bin of QNAP", ("@recycle",)),
    Rule("@Recently-Snapshot", "snapshots of QNAP", ("@recently-snapshot",)),
    Rule("~snapshot", "snapshots of NetApp", ("~snapshot",)),
    Rule(".thumbnails", "thumbnails of Linux and Android", (".thumbnails",)),
    Rule(".Trash", "recycle bins of Linux and macOS", (".trash", ".trash-*", ".trashes")),
    Rule("Network Trash Folder", "recycle bin of AFP", ("network trash folder",)),
    Rule(".trashed-*", "recycle bin of Android", files=(".trashed-*",)),
    Rule("$RECYCLE.BIN", "recycle bins of Windows", ("$recycle.bin", "recycler")),
    Rule("System Volume Information", "snapshots of Windows", ("system volume information",)),
    Rule("lost+found", "pieces that a file system check found", ("lost+found",)),
    Rule(".stversions", "earlier versions of Syncthing", (".stversions",)),
    Rule("files_trashbin", "recycle bin of Nextcloud", ("files_trashbin",)),
    Rule("files_versions", "earlier versions of Nextcloud", ("files_versions",)),
    Rule("appdata_*/preview", "thumbnails of Nextcloud", ("appdata_*/preview",)),
    Rule(".dtrash", "recycle bin of digiKam", (".dtrash",)),
    Rule(".picasaoriginals", "originals of photos that Picasa edited", (".picasaoriginals",)),
    Rule("[Originals]", "originals of photos that ACDSee edited", ("[originals]",)),
    Rule("*.lrdata", "previews of Lightroom", ("*.lrdata",)),
    Rule(
        "*.photoslibrary/resources",
        "thumbnails and previews of Apple's Photos",
        ("*.photoslibrary/resources",),
    ),
    Rule(
        "*.photolibrary/Thumbnails",
        "thumbnails and previews of iPhoto and Aperture",
        tuple(
            f"*.{kind}/{name}"
            for kind in ("photolibrary", "migratedphotolibrary", "aplibrary")
            for name in ("thumbnails", "previews", "resources")
        ),
    ),
    Rule("AlbumArt", "covers of Windows Media Player", files=("albumart_{*", "albumartsmall.jpg")),
    Rule("__MACOSX", "attributes of macOS in ZIP files", ("__macosx",)),
    Rule("._*", "attributes of macOS beside each file", files=("._*",)),
    Rule(HIDDEN_FOLDERS, "whatever their owner hides", (".*",)),
    Rule(HIDDEN_FILES, "whatever their owner hides", files=(".*",)),
)
"""Rules of what is left out by default; the first that applies counts."""

ANNOTATED = "annotated by headcount"
RESULTS = "written by headcount"
EXCLUDED = "--exclude"
IGNORE_FILE = ".headcountignore"


_PART = "[^/]*"
"""A ``*`` stays within its part of a path."""


def _pattern(globs_by_rule: list[tuple[str, ...]], whole: str) -> re.Pattern[str]:
    """One pattern for the globs of all rules; the number of the rule is the name of its group."""
    groups = []
    for number, globs in enumerate(globs_by_rule):
        escaped = "|".join(re.escape(glob).replace(r"\*", _PART) for glob in globs)
        groups += [f"(?P<r{number}>{escaped})"] if globs else []
    return re.compile(whole.replace("*", "|".join(groups)))


_FOLDERS = _pattern([rule.folders for rule in RULES], "(?:^|/)(?:*)/")
_FILES = _pattern([rule.files for rule in RULES], "(?:*)$")


def leftover_rule(key: str) -> str | None:
    """The name of the rule by which a key is another program's leftover; None of all others.

    Of several folders the outermost counts, of several rules for it the first.
    """
    folder, slash, name = key.rpartition("/")
    return _rule_of_folder(folder + slash) or _rule(_FILES.match(name.lower()))


@lru_cache(maxsize=64)  # a listing goes from folder to folder
def _rule_of_folder(folder: str) -> str | None:
    parts = (part for part in folder.lower().split("/") if part not in (".", ".."))
    return _rule(_FOLDERS.search("/".join(parts)))


def _rule(found: re.Match[str] | None) -> str | None:
    return RULES[int((found.lastgroup or "")[1:])].name if found else None


def left_out_line(numbers: Mapping[str, int]) -> str:
    """The sentence about files that were left out, by rule, the most first."""
    told = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
    by_rule = ", ".join(f"{number:,} {_words(rule)}" for rule, number in told)
    total = counted(sum(numbers.values()), "file")
    return f"{total} left out: {by_rule}"


def _words(rule: str) -> str:
    """The words for a rule after the number of its files."""
    if rule in (ANNOTATED, RESULTS):
        return rule
    if rule == HIDDEN_FILES:
        return "hidden"
    if rule in (EXCLUDED, IGNORE_FILE):
        return f"by {rule}"
    of_files = any(one.name == rule and one.files for one in RULES)
    return f"named {rule}" if of_files else f"in {rule}"


def other_suffixes_line(numbers: Mapping[str, int]) -> str:
    """The sentence about images of kinds that are not read, by suffix, the most first."""
    told = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
    by_suffix = ", ".join(f"{number:,} .{suffix}" for suffix, number in told)
    total = counted(sum(numbers.values()), "image file")
    return f"{total} of a kind that headcount does not read: {by_suffix}"


def left_out_lines(found: Mapping[str, Any]) -> list[str]:
    """The sentences about what a summary, a plan or an estimate says was left out."""
    lines = []
    if left_out := found.get("left_out"):
        lines.append(f"{left_out_line(left_out)}; --include lets them in")
    if suffixes := found.get("other_suffixes"):
        lines.append(f"{other_suffixes_line(suffixes)}; --all-objects tries them")
    return lines + references_left_out_lines(found.get("references_left_out", {}))


def references_left_out_lines(numbers: Mapping[str, int]) -> list[str]:
    """The sentence about files of a people folder that were left out, if there are any."""
    if not numbers:
        return []
    return [f"in the people folder, {left_out_line(numbers)}; a {IGNORE_FILE} there lets them in"]
