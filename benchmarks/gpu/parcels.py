"""Files in parcels of bounded size, for a machine that has no network: split, checked, joined.

    python parcels.py split FOLDER --into PARCELS [--mib 60]
    python parcels.py take PARCEL --into FOLDER        once for each parcel, on the other machine
    python parcels.py join FOLDER --into WHEELS        there, when all have been taken
    python parcels.py budget FOLDER --each 6 --start 40 --all 900

The files of a folder, one behind the other, are cut into parcels: each is a folder with a part and
the manifest of all, by which every part and every file is checked (SHA-256). It needs Python's
standard library alone, and this file alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

MIB = 1 << 20
BLOCK = 4 * MIB
MANIFEST = "manifest.json"
TO_MEASURE = 300
"""Seconds that have to be left for measuring."""


class ParcelError(Exception):
    """A parcel that is missing or not whole, or files that do not fit."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of known length and SHA-256: a file, or a part of all files."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files in their order, and the parts they were cut into."""

    files: tuple[Piece, ...]
    parts: tuple[Piece, ...]

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read the manifest of a folder. Raises ParcelError."""
        try:
            found = json.loads((folder / MANIFEST).read_text())
            lists = [tuple(Piece(**each) for each in found[name]) for name in ("files", "parts")]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ParcelError(f"{folder} has no manifest that can be read: {error}") from error
        return cls(*lists)


@dataclass(frozen=True, slots=True)
class Budget:
    """Seconds: for each parcel, to start the machine, and all that there are."""

    each: float
    start: float
    all: float

    def left(self, parcels: int) -> float:
        """Seconds that are left for measuring."""
        return self.all - self.start - self.each * parcels


# -- splitting ------------------------------------------------------------------------------------


def split(files: Sequence[Path], into: Path, limit: int) -> Manifest:
    """Cut files, in this order, into parcels of at most ``limit`` bytes, the manifest included."""
    room = limit - _room_of_manifest(files)
    if not files or room <= 0:
        raise ParcelError("there is no file to split, or no room beside the manifest")
    parts, whole = [], _Sums(files)
    for number, blocks in enumerate(_cut(whole.blocks(), room), start=1):
        name = f"part-{number:03d}"
        folder = into / name
        folder.mkdir(parents=True)
        parts.append(_written(folder / name, blocks))
    manifest = Manifest(tuple(whole.pieces), tuple(parts))
    for part in parts:
        (into / part.name / MANIFEST).write_text(manifest.to_json())
    return manifest


def _room_of_manifest(files: Sequence[Path]) -> int:
    """Bytes of the manifest at most: 200 for each file and for each of 100 parts."""
    return 200 * (len(files) + 100) + sum(len(file.name) for file in files)


class _Sums:
    """Reader of files one behind the other, with the size and SHA-256 of each."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self.pieces: list[Piece] = []

    def blocks(self) -> Iterator[bytes]:
        for file in self._files:
            summed, size = hashlib.sha256(), 0
            for block in _blocks(file):
                summed.update(block)
                size += len(block)
                yield block
            self.pieces.append(Piece(file.name, size, summed.hexdigest()))


def _blocks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while block := opened.read(BLOCK):
            yield block


def _cut(blocks: Iterator[bytes], room: int) -> Iterator[list[bytes]]:
    """Cut bytes into lists of blocks, each of ``room`` bytes but the last."""
    part: list[bytes] = []
    free = room
    for block in blocks:
        rest = block
        while len(rest) >= free:
            yield [*part, rest[:free]]
            part, rest, free = [], rest[free:], room
        if rest:
            part.append(rest)
            free -= len(rest)
    if part:
        yield part


def _written(path: Path, blocks: Sequence[bytes]) -> Piece:
    summed = hashlib.sha256()
    with path.open("wb") as file:
        for block in blocks:
            file.write(block)
            summed.update(block)
    return Piece(path.name, path.stat().st_size, summed.hexdigest())


# -- checking and joining -------------------------------------------------------------------------


def take(parcel: Path, into: Path) -> Piece:
    """Check the part of a parcel and keep it with those that came before. Raises ParcelError."""
    manifest = Manifest.read(parcel)
    names = [part for part in manifest.parts if (parcel / part.name).is_file()]
    if len(names) != 1:
        raise ParcelError(f"{parcel} holds {len(names)} parts, and should hold one")
    _require_whole(parcel / names[0].name, names[0])
    into.mkdir(parents=True, exist_ok=True)
    if (into / MANIFEST).exists() and Manifest.read(into) != manifest:
        raise ParcelError(f"{parcel} belongs to other files than those in {into}")
    shutil.copyfile(parcel / names[0].name, into / names[0].name)
    (into / MANIFEST).write_text(manifest.to_json())
    return names[0]


def join(taken: Path, into: Path) -> list[Path]:
    """Put the files together from parts that were taken, each checked. Raises ParcelError."""
    manifest = Manifest.read(taken)
    missing = [part.name for part in manifest.parts if not (taken / part.name).is_file()]
    if missing:
        raise ParcelError(f"not all parcels have come: {', '.join(missing)} missing")
    for part in manifest.parts:
        _require_whole(taken / part.name, part)
    into.mkdir(parents=True, exist_ok=True)
    blocks = (block for part in manifest.parts for block in _blocks(taken / part.name))
    made = []
    rest = b""
    for file in manifest.files:
        rest = _filled(into / file.name, file.size, rest, blocks)
        _require_whole(into / file.name, file)
        made.append(into / file.name)
    return made


def _filled(path: Path, size: int, rest: bytes, blocks: Iterator[bytes]) -> bytes:
    """Write so many bytes to a file: the rest of a block, then blocks; what is left of the last."""
    with path.open("wb") as file:
        while size > 0:
            block = rest or next(blocks, b"")
            if not block:
                raise ParcelError(f"the parts end within {path.name}")
            file.write(block[:size])
            size, rest = size - len(block[:size]), block[size:]
    return rest


def _require_whole(path: Path, piece: Piece) -> None:
    summed = hashlib.sha256()
    for block in _blocks(path):
        summed.update(block)
    if summed.hexdigest() != piece.sha256:
        raise ParcelError(f"{path.name} is damaged: its SHA-256 is not that of the manifest")


# -- the command ----------------------------------------------------------------------------------


def _split(asked: argparse.Namespace) -> str:
    files = sorted(path for path in asked.folder.iterdir() if path.is_file())
    manifest = split(files, asked.into, int(asked.mib * MIB))
    total = sum(file.size for file in manifest.files) / MIB
    return f"{len(manifest.files)} files, {total:.1f} MiB, in {len(manifest.parts)} parcels"


def _take(asked: argparse.Namespace) -> str:
    part = take(asked.folder, asked.into)
    return f"{part.name}: {part.size / MIB:.1f} MiB, whole"


def _join(asked: argparse.Namespace) -> str:
    return f"{len(join(asked.folder, asked.into))} files, each whole"


def _budget(asked: argparse.Namespace) -> str:
    parcels = len(Manifest.read(next(asked.folder.glob(f"*/{MANIFEST}")).parent).parts)
    left = Budget(asked.each, asked.start, asked.all).left(parcels)
    told = f"{parcels} parcels of {asked.each:.0f} s: {left:.0f} s are left for measuring"
    if left < TO_MEASURE:
        raise ParcelError(f"{told}, and {TO_MEASURE} are needed")
    return told


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("split", "take", "join", "budget"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--into", type=Path)
    parser.add_argument("--mib", type=float, default=60, help="of one parcel, at most")
    parser.add_argument("--each", type=float, default=6, help="seconds that one parcel takes")
    parser.add_argument("--start", type=float, default=40, help="seconds until the machine runs")
    parser.add_argument("--all", type=float, default=900, help="seconds that there are")
    asked = parser.parse_args()
    if asked.into is None and asked.what != "budget":
        parser.error("--into is missing")
    does = {"split": _split, "take": _take, "join": _join, "budget": _budget}[asked.what]
    try:
        print(does(asked))
    except ParcelError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
