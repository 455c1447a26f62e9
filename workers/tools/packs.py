"""Model packs of this machine: known packs, the cache of prepared models, and its checks."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from headcount.errors import FatalError, HeadcountError, ObjectMissing
from headcount.s3_settings import S3Settings
from headcount.settings import Settings, VariantName
from headcount.storage import Store, canonical_uri, open_store
from workers.models.base import ModelPack
from workers.models.model_file import ModelFile, ready_form
from workers.models.onnx.prepare import VERSION, prepared_path, read_checked, sha256
from workers.models.packs.files import (
    EMBEDDED,
    EMBEDDED_FILES,
    EMBEDDED_LICENCE,
    EMBEDDED_PACKAGE,
    INSIGHTFACE_LICENCE,
    INSIGHTFACE_PACKS,
    PACK_FILE,
    PackFiles,
    PackNotes,
    resolve_pack,
    with_variant,
)
from workers.models.packs.open import load_pack
from workers.models.packs.thresholds import fingerprint_crop
from workers.models.packs.variants import VariantRecord, keep_variant, pack_key
from workers.variants.gate import gate_variant
from workers.variants.labelled import photos_of_people, photos_with_boxes

Found = dict[str, Any]


class PackCache:
    """Model packs that this machine can open, and its cache of prepared models."""

    def __init__(self, settings: Settings, s3: S3Settings) -> None:
        self._settings = settings
        self._s3 = s3

    def contents(self) -> Found:
        """Known packs, files of the cache, and variants of packs."""
        packs = [_known(EMBEDDED, EMBEDDED_LICENCE, ready=_installed())]
        packs += [
            _known(name, INSIGHTFACE_LICENCE, ready=name in self._settings.accept_licences)
            for name in INSIGHTFACE_PACKS
        ]
        folder = self._settings.cache_dir / "models"
        cached = [_cached(path) for path in sorted(folder.glob("*.onnx"))]
        records = [_read(path) for path in sorted(folder.glob("*.json"))]
        return {
            "packs": packs,
            "cache": str(folder),
            "cached": cached,
            "variants": [_variant(record) for record in records if record is not None],
        }

    def prepare(self, name: str) -> Found:
        """Prepare both models of a pack in the cache. Raises FatalError."""
        return self._ready_pack(resolve_pack(name, self._settings, self._s3))

    def share(self, name: str, uri: str) -> str:
        """Copy a pack to a folder or bucket, ready to run: a pack of the same id.

        Returns the URI. Raises FatalError, also where another pack lies there: what was shared
        stays as it is, since archives may have been made with it.
        """
        files = resolve_pack(name, self._settings, self._s3)
        store = open_store(canonical_uri(uri), self._s3)
        shared = {file.name: self._run_form(role, file) for role, file in _roles(files)}
        notes = _notes_of(files, shared).model_dump_json(indent=1, exclude_defaults=True).encode()
        try:
            there = store.get(PACK_FILE).data
        except ObjectMissing:
            there = None
        if there not in (None, notes):
            raise FatalError(f"{store.uri} holds another pack: share this one elsewhere")
        for file_name, file in shared.items():
            store.put(file_name, file.data)
        store.put(PACK_FILE, notes)
        return store.uri

    def _run_form(self, role: str, file: ModelFile) -> ModelFile:
        """Model as it is run, with the digest of the file that it was made from."""
        if self._path(role, file) is None:
            return file
        return ModelFile(file.name, self._ready(role, file), ready=True, source=file.identity)

    def gate(self, name: str, variant: VariantName, folder: str, boxes: str | None = None) -> Found:
        """Make a low-precision variant of a pack and test it by its gate; the findings are kept.

        ``folder`` is a path or URI with one folder of photos per person, ``boxes`` one with photos
        and the boxes of their faces in labels.csv. Raises FatalError. If no form of either
        network passes, the record has the reasons, and there is no pack.
        """
        files = resolve_pack(name, self._settings, self._s3)
        if files.variant is not None:
            raise FatalError(f"the pack {name} is itself a variant: give the one it was made of")
        people = photos_of_people(self._source(folder))
        boxed = photos_with_boxes(self._source(boxes)) if boxes is not None else []
        made = gate_variant(files, variant, people, boxed, self._settings)
        keep_variant(self._settings.cache_dir, made)
        if not made.record.passed:
            return {"model": files.name, "files": [], "variant": _variant(made.record)}
        return self._ready_pack(with_variant(files, made))

    def _source(self, place: str) -> Store:
        source = open_store(canonical_uri(place), self._s3, concurrency=self._settings.threads)
        source.check()
        return source

    def _ready_pack(self, files: PackFiles) -> Found:
        pack = load_pack(files, self._settings)
        return {
            "model": files.name,
            "pack_id": pack.record.pack_id,
            "licence": files.licence,
            "files": [self._prepared(role, file) for role, file in _roles(files)],
            "variant": None if files.variant is None else _variant(files.variant),
        }

    def _prepared(self, role: str, file: ModelFile) -> Found:
        """Facts on one model, as shipped and as it is run."""
        path = self._path(role, file)
        ready = file.data if path is None else self._ready(role, file)
        return {
            "role": role,
            "name": file.name,
            "sha256": file.identity,
            "bytes": len(file.data),
            "prepared": None if path is None else str(path),
            "prepared_sha256": sha256(ready),
            "prepared_bytes": len(ready),
        }

    def _ready(self, role: str, file: ModelFile) -> bytes:
        return ready_form(file, self._settings, free_size=role == "detector")

    def _path(self, role: str, file: ModelFile) -> Path | None:
        """Path of a model's prepared form in the cache; None for one that runs as it is."""
        if file.ready:
            return None
        free_size = role == "detector"
        return prepared_path(self._settings.cache_dir, file.digest, free_size=free_size)

    def verify(self, name: str) -> list[Found]:
        """Check a pack: its files, their prepared forms in the cache, and a self-test."""
        try:
            files = resolve_pack(name, self._settings, self._s3)
        except HeadcountError as error:
            return [{"name": "shipped files", "ok": False, "detail": str(error)}]
        digests = ", ".join(f"{file.name} {file.digest[:12]}" for _, file in _roles(files))
        checks = [{"name": "shipped files", "ok": True, "detail": digests}]
        for role, file in _roles(files):
            path = self._path(role, file)
            if path is not None:
                checks.append(_try(f"prepared {role}", partial(_whole, path)))
        return [*checks, _try("self-test", partial(self._self_test, files))]

    def _self_test(self, files: PackFiles) -> str:
        pack = load_pack(files, self._settings)
        return f"{files.name} {pack.record.pack_id}: {_tried(pack)}"


def _notes_of(files: PackFiles, shared: dict[str, ModelFile]) -> PackNotes:
    return PackNotes(
        name=files.name,
        licence=files.licence,
        detector=files.detector.name,
        recogniser=files.recogniser.name,
        sha256={name: file.digest for name, file in shared.items()},
        preparation=VERSION,
        prepared_from={name: file.source for name, file in shared.items() if file.source},
        variant=files.variant,
    )


def _known(name: str, licence: str, *, ready: bool) -> Found:
    return {"name": name, "licence": licence, "ready": ready}


def _installed() -> bool:
    return importlib.util.find_spec(EMBEDDED_PACKAGE) is not None


def _cached(path: Path) -> Found:
    """Facts on one file of the cache, with the shipped file that it was made from, if known."""
    source = {digest[:32]: name for name, digest in EMBEDDED_FILES.items()}
    source[pack_key(*EMBEDDED_FILES.values())] = EMBEDDED
    return {
        "file": path.name,
        "bytes": path.stat().st_size,
        "of": source.get(path.name.split("-")[0]),
        "whole": read_checked(path) is not None,
    }


def _read(path: Path) -> VariantRecord | None:
    try:
        return VariantRecord.from_bytes(path.read_bytes())
    except (OSError, ValueError):
        return None


def _variant(record: VariantRecord) -> Found:
    return record.model_dump(mode="json") | {"passed": record.passed}


def _roles(files: PackFiles) -> Iterator[tuple[str, ModelFile]]:
    yield "detector", files.detector
    yield "recogniser", files.recogniser


def _try(name: str, check: Callable[[], str]) -> Found:
    try:
        return {"name": name, "ok": True, "detail": check()}
    except HeadcountError as error:
        return {"name": name, "ok": False, "detail": str(error)}


def _whole(path: Path) -> str:
    """Check one cached file, and describe it. Raises FatalError if it is damaged."""
    if not path.exists():
        return f"not in the cache yet ({path.name}): made when it is first needed"
    if read_checked(path) is None:
        raise FatalError(f"{path} is damaged: `headcount models prepare` makes it again")
    return f"{path.name}, as it was written"


def _tried(pack: ModelPack) -> str:
    """Run the models on a made-up picture. Raises FatalError if they give no embedding."""
    pack.detector.detect(np.repeat(np.repeat(fingerprint_crop()[0], 2, axis=0), 2, axis=1))
    embedding = pack.recogniser.embed(fingerprint_crop())[0]
    if not abs(float(np.linalg.norm(embedding)) - 1) < 1e-3:
        raise FatalError(f"{pack.record.recogniser} makes no embedding of the made-up crop")
    known = "thresholds measured" if pack.record.calibration else "cautious thresholds"
    return f"{len(embedding)} dimensions, {known}"
