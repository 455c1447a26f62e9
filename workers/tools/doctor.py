"""Self-check of a worker process: libraries, model pack, provider."""

from __future__ import annotations

import json
from importlib import metadata

from headcount.errors import HeadcountError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings

LIBRARIES = ("numpy", "pillow", "opencv-python-headless", "faiss-cpu")
HEIC = ("pi-heif", "pillow-heif")
"""Decoders of HEIC, of which one is enough; the first is taken where both are."""
RUNTIMES = ("onnxruntime", "onnxruntime-gpu")
PAGE = ("starlette", "uvicorn")


def report() -> str:
    """Run the checks; a list of name, ok, detail as JSON."""
    return json.dumps([_libraries(), _runtime(), _pack(), _page(), _fonts()])


def _check(name: str, ok: bool, detail: str) -> dict[str, object]:
    return {"name": name, "ok": ok, "detail": detail}


def _versions(names: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _libraries() -> dict[str, object]:
    heic = dict([*_versions(HEIC).items()][:1])
    found = _versions(LIBRARIES) | heic
    missing = [name for name in LIBRARIES if name not in found] + ([] if heic else ["pi-heif"])
    if missing:
        return _check("worker libraries", False, f"missing: {', '.join(missing)}")
    both = _versions(("opencv-python", "opencv-contrib-python"))
    if both:
        return _check(
            "worker libraries",
            False,
            f"{' and '.join(both)} and opencv-python-headless overwrite each other's cv2: "
            f"pip uninstall -y {' '.join(both)} opencv-python-headless, then "
            "pip install opencv-python-headless",
        )
    return _check("worker libraries", True, ", ".join(f"{n} {v}" for n, v in found.items()))


def _runtime() -> dict[str, object]:
    found = _versions(RUNTIMES)
    detail = ", ".join(f"{n} {v}" for n, v in found.items())
    if len(found) == len(RUNTIMES):
        return _check("onnxruntime", False, f"{detail}: both overwrite each other, keep one")
    if not found:
        return _check("onnxruntime", False, "missing: pip install 'headcount[cpu]'")
    from workers.models.session import available_providers

    return _check("onnxruntime", True, f"{detail}: {', '.join(available_providers())}")


def _page() -> dict[str, object]:
    """Whether `headcount review` can serve its page; nothing else needs that."""
    found = _versions(PAGE)
    missing = [name for name in PAGE if name not in found]
    if missing:
        return _check(
            "review page",
            True,
            f"not installed ({', '.join(missing)}): pip install 'headcount[review]' for "
            "`headcount review`",
        )
    return _check("review page", True, ", ".join(f"{n} {v}" for n, v in found.items()))


def _fonts() -> dict[str, object]:
    """The scripts in which names can be drawn on photos; a lack stops no run."""
    from workers.report.fonts import scripts

    found = scripts()
    can, cannot = (
        [name for name, ok in found.items() if ok is is_drawn] for is_drawn in (True, False)
    )
    detail = f"names are drawn in {', '.join(can)}"
    if cannot:
        detail += (
            f"; not in {', '.join(cannot)}: a number stands on the photo there, and the name in "
            "the report. Debian's fonts-noto-core and fonts-noto-cjk have these letters"
        )
    return _check("fonts", True, detail)


def _pack() -> dict[str, object]:
    from workers.models.packs.open import open_pack

    settings = Settings()
    try:
        record = open_pack(settings.model, settings, S3Settings()).record
    except HeadcountError as error:
        return _check("model pack", False, str(error))
    return _check(
        "model pack",
        True,
        f"{record.name} {record.pack_id}, licence: {record.licence}, "
        f"provider asked for: {settings.provider}",
    )
