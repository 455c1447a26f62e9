"""Packs opened in the forms that are compared, and photos analysed: the door to headcount."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from headcount.errors import HeadcountError
from headcount.s3_settings import S3Settings
from headcount.settings import ProfileName, Provider, Settings
from workers.faces.analysis import Analysis, analyse
from workers.models.base import ModelPack
from workers.models.batching import Batched
from workers.models.packs.open import open_pack

MOST_PIXELS = 10**9


def opened(pack: str, provider: Provider, batching: Literal["on", "off"], cache: Path) -> ModelPack:
    """Open a pack on a provider, its photos sharing batches (``on``) or not (``off``)."""
    settings = Settings(provider=provider, batching=batching, cache_dir=cache)
    return open_pack(pack, settings, S3Settings())


def seen(photo: Path, pack: ModelPack, profile: ProfileName = "balanced") -> Analysis:
    """Analyse a photo as a worker does."""
    return analyse(photo.read_bytes(), pack, max_pixels=MOST_PIXELS, profile=profile)


def all_seen(
    photos: Sequence[Path], pack: ModelPack, threads: int, profile: ProfileName = "balanced"
) -> list[Analysis]:
    """Analyse photos, so many at once."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda photo: seen(photo, pack, profile), photos))


def attempt(
    figures: dict[str, Any], key: Mapping[str, Any], work: Callable[[], Mapping[str, Any]]
) -> None:
    """Add what was measured to the rows; or, where headcount refuses, the reason to ``failed``."""
    try:
        figures["rows"].append({**key, **work()})
    except HeadcountError as error:
        figures.setdefault("failed", []).append({**key, "reason": str(error)[:500]})


def filling(pack: ModelPack) -> dict[str, float | None]:
    """Mean number of images and faces in a batch; None where there are no batches."""
    networks = {
        "images": getattr(pack.detector, "network", None),
        "faces": getattr(pack.recogniser, "network", None),
    }
    return {
        name: round(network.filling, 2) if isinstance(network, Batched) else None
        for name, network in networks.items()
    }
