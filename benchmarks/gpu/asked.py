"""What a run was asked for: written once by the command, read by every stage's process."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the command runs before the wheels are installed
    from headcount.settings import ProfileName, Provider

ASKED = "asked.json"


@dataclass(frozen=True, slots=True)
class Asked:
    """A run's request: sources, places and sizes of what is measured.

    ``photos`` and ``out`` are folders; ``people`` is one of labelled people for the gate of fp16,
    or empty. ``packs`` are names or folders. ``cell`` is the seconds of one measurement, ``each``
    the photos made of each size, ``whole`` those of `headcount run`, at most.
    """

    photos: str
    out: str
    provider: Provider
    packs: tuple[str, ...]
    people: str = ""
    sizes: tuple[int, ...] = (1, 4, 12)
    threads: tuple[int, ...] = (16, 8, 4, 2, 1)
    profiles: tuple[ProfileName, ...] = ("balanced", "fast", "thorough")
    cell: float = 2.0
    each: int = 24
    whole: int = 3000

    @property
    def folder(self) -> Path:
        """Folder of the figures."""
        return Path(self.out)

    @property
    def work(self) -> Path:
        """Folder of all that is no figure: photos, wheels, prepared models."""
        return self.folder / "work"

    def write(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / ASKED).write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, folder: Path) -> Asked:
        found: dict[str, Any] = json.loads((folder / ASKED).read_text())
        lists = ("packs", "sizes", "threads", "profiles")
        given: dict[str, Any] = {k: tuple(v) if k in lists else v for k, v in found.items()}
        return cls(**given)


def photos_of(asked: Asked, megapixels: int) -> list[Path]:
    """Photos of one size, as the first stage made them."""
    return sorted((asked.work / "photos" / f"{megapixels:02d}").glob("*.jpg"))


def pack_label(pack: str) -> str:
    """Name of a pack in tables: its folder's, or its own."""
    return Path(pack).name
