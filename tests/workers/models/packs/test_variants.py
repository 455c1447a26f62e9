import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings, VariantName
from headcount.storage import open_store
from tests.servers import S3Server
from tests.workers.models.detectors.test_detectors import scrfd_path
from tests.workers.stages.test_prepare import shipped
from workers.images.align import SIZE
from workers.models.base import Floats
from workers.models.onnx.prepare import parse
from workers.models.onnx.quantise import FORMS, HALF, forms_of, quantise, runtime, taken
from workers.models.packs.files import ModelFile, PackFiles, resolve_pack
from workers.models.packs.open import open_detector, open_pack, open_recogniser, ready_form
from workers.models.packs.thresholds import UNKNOWN, Thresholds
from workers.models.packs.variants import (
    Measured,
    Variant,
    VariantRecord,
    find_variant,
    keep_variant,
    pack_key,
    record_path,
    split_name,
    variant_path,
)
from workers.models.recognisers.arcface import blob, unit_length
from workers.tools.packs import PackCache
from workers.variants import gate
from workers.variants.criteria import accuracy, compare, faults_of
from workers.variants.gate import Faces
from workers.variants.labelled import look_at, photos_of_people

WIDTH = 24
RANDOM = np.random.default_rng(11)


def made_network(*, outlier: float = 0.0, separable: bool = False, last: float = 0.1) -> bytes:
    """A recogniser of convolutions. An ``outlier`` is a channel that nothing takes up.

    The channel's size spoils the one scale that 8 bits have for all channels. ``last`` is the
    size of the last weights, which 16-bit floats lose where it is very small.
    """
    channels = 4
    weights = {
        "first": RANDOM.normal(0, 0.1, (channels, 3, 8, 8)),
        "bias": np.array([0, 0, 0, outlier]),
        "middle": RANDOM.normal(0, 1, (channels, 1 if separable else channels, 1, 1)),
        "last": RANDOM.normal(0, last, (channels * 14 * 14, WIDTH)),
    }
    weights["last"][3 * 14 * 14 :] = 0
    if not separable:
        weights["middle"][:3, 3] = 0
    nodes = [
        helper.make_node("Conv", ["x", "first", "bias"], ["a"], "one", strides=[8, 8]),
        helper.make_node("Conv", ["a", "middle"], ["b"], "two", group=channels if separable else 1),
        helper.make_node("Flatten", ["b"], ["c"], "flat"),
        helper.make_node("MatMul", ["c", "last"], ["y"], "three"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, SIZE, SIZE])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", WIDTH])
    tensors = [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()]
    graph = helper.make_graph(nodes, "made", [x], [y], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def made_faces(people: int = 80, each: int = 4) -> Faces:
    """Crops of made people: a coarse pattern for each, and noise for each photo."""
    coarse = RANDOM.integers(30, 220, (people, 1, 14, 14, 3))
    noisy = coarse + RANDOM.normal(0, 12, (people, each, 14, 14, 3))
    crops = np.clip(noisy, 0, 255).repeat(8, axis=2).repeat(8, axis=3).astype(np.uint8)
    return Faces(
        crops.reshape(-1, SIZE, SIZE, 3), np.repeat(np.arange(people), each).astype(np.int64)
    )


def pack_of(recogniser: bytes) -> PackFiles:
    return PackFiles(
        "made", ModelFile("yunet.onnx", shipped("yunet")), ModelFile("made.onnx", recogniser), "MIT"
    )


def gated(files: PackFiles, settings: Settings, variant: VariantName = "int8") -> Variant:
    """The pack's variant: its recogniser through the gate, its detector in fp32."""
    found = gate.gate_recogniser(files.recogniser, variant, made_faces(), made_faces(), settings)
    record = VariantRecord(
        variant=variant,
        detector=gate.in_fp32(files.detector).record,
        recogniser=found.record,
        thresholds=UNKNOWN,
        made_with=runtime(),
    )
    return Variant(record, {} if found.data is None else {"recogniser": found.data})


def key_of(files: PackFiles) -> str:
    return pack_key(files.detector.identity, files.recogniser.identity)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache_dir=tmp_path / "cache", provider="cpu")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "ROUNDS", 1)
    monkeypatch.setattr(gate, "MOST_CALIBRATION", 24)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A pack of YuNet and a made recogniser."""
    path = tmp_path / "mine"
    path.mkdir()
    (path / "yunet.onnx").write_bytes(shipped("yunet"))
    (path / "made.onnx").write_bytes(made_network())
    return path


@pytest.fixture
def passed(folder: Path, settings: Settings) -> Variant:
    """That pack's int8 variant, which lies in the cache."""
    made = gated(resolve_pack(str(folder), settings, S3Settings()), settings)
    keep_variant(settings.cache_dir, made)
    return made


@pytest.fixture
def kept(folder: Path, settings: Settings, passed: Variant) -> Path:
    """Where its recogniser lies in the cache."""
    key = key_of(resolve_pack(str(folder), settings, S3Settings()))
    return variant_path(settings.cache_dir, key, "int8", "recogniser")


def refused(name: str, settings: Settings) -> str:
    with pytest.raises(FatalError) as caught:
        open_pack(name, settings, S3Settings())
    return str(caught.value)


# -- choosing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("embedded", ("embedded", None)),
        ("embedded+int8", ("embedded", "int8")),
        ("embedded+fp16", ("embedded", "fp16")),
        ("s3://models/a+b/+int8", ("s3://models/a+b/", "int8")),
        ("folder+int4", ("folder+int4", None)),
    ],
)
def test_a_variant_is_named_behind_its_pack(name: str, parts: tuple[str, str | None]) -> None:
    assert split_name(name) == parts


def test_a_variant_without_a_gate_is_refused_and_the_way_told(settings: Settings) -> None:
    told = refused("embedded+int8", settings)
    assert "headcount models prepare --model embedded --variant int8 --gate FOLDER" in told


def test_a_variant_that_passed_is_a_pack_of_its_own(
    folder: Path, settings: Settings, passed: Variant
) -> None:
    plain = open_pack(str(folder), settings, S3Settings())
    variant = open_pack(f"{folder}+int8", settings, S3Settings())
    assert passed.record.passed
    assert variant.record.name == "mine+int8"
    assert variant.record.pack_id != plain.record.pack_id
    assert variant.record.recogniser_sha256 == passed.record.recogniser.sha256
    assert variant.record.detector_sha256 == plain.record.detector_sha256
    faces = made_faces(people=6, each=1).crops
    likeness = (variant.recogniser.embed(faces) * plain.recogniser.embed(faces)).sum(axis=1)
    assert 0.99 < likeness.min() < likeness.max() < 1 - 1e-7


def test_a_variant_keeps_the_thresholds_that_its_gate_carried_over(
    folder: Path, settings: Settings, passed: Variant
) -> None:
    own = Thresholds(0.3, 0.02, 0.4, 0.35, 0.04, (30.0, -10.0), ((1e-3, 0.3),))
    record = passed.record.model_copy(update={"thresholds": own})
    keep_variant(settings.cache_dir, replace(passed, record=record))
    record = open_pack(f"{folder}+int8", settings, S3Settings()).record
    assert (record.threshold, record.calibration, record.fmr) == (
        0.3,
        (30.0, -10.0),
        ((1e-3, 0.3),),
    )


def test_a_variant_of_another_recogniser_is_none(
    folder: Path, settings: Settings, passed: Variant
) -> None:
    (folder / "made.onnx").write_bytes(made_network(separable=True))
    assert "has passed no gate here" in refused(f"{folder}+int8", settings)


def test_a_damaged_variant_is_refused(folder: Path, settings: Settings, kept: Path) -> None:
    kept.write_bytes(kept.read_bytes()[:-1])
    assert "is damaged or missing" in refused(f"{folder}+int8", settings)


def test_a_variant_that_is_not_the_one_judged_is_refused(
    folder: Path, settings: Settings, passed: Variant
) -> None:
    keep_variant(settings.cache_dir, replace(passed, networks={"recogniser": made_network()}))
    assert "is damaged or missing" in refused(f"{folder}+int8", settings)


def test_a_record_that_cannot_be_read_is_refused(
    folder: Path, settings: Settings, passed: Variant
) -> None:
    files = resolve_pack(str(folder), settings, S3Settings())
    record_path(settings.cache_dir, key_of(files), "int8").write_text("{}")
    assert "cannot be read" in refused(f"{folder}+int8", settings)


def test_a_machine_that_computes_otherwise_refuses_the_variant(
    folder: Path, settings: Settings, passed: Variant
) -> None:
    part = passed.record.recogniser
    elsewhere = part.model_copy(update={"probe": tuple(-x for x in part.probe)})
    record = passed.record.model_copy(update={"recogniser": elsewhere})
    keep_variant(settings.cache_dir, replace(passed, record=record))
    assert "gives something else on this machine" in refused(f"{folder}+int8", settings)


# -- the gate -----------------------------------------------------------------------------------


def test_the_record_says_how_the_variant_was_judged(passed: Variant) -> None:
    part = passed.record.recogniser
    (judgement,) = part.judgements
    assert judgement.form == FORMS[0]
    assert judgement.faults == ()
    assert (judgement.people, judgement.faces, judgement.genuine_pairs) == (80, 320, 480)
    assert judgement.mean_cosine >= judgement.low_cosine > 0.95
    assert judgement.accuracy_fp32 > 0.99
    assert part.calibrated_on == 24
    assert VariantRecord.model_validate_json(passed.record.to_bytes()) == passed.record


@pytest.mark.parametrize("outlier", [1e3, 1e6], ids=["much is lost", "all is lost"])
def test_what_8_bits_spoil_fails_and_every_form_is_told(settings: Settings, outlier: float) -> None:
    files = pack_of(made_network(outlier=outlier))
    made = gated(files, settings)
    judgements = made.record.recogniser.judgements
    assert not made.record.passed
    assert [judgement.form for judgement in judgements] == forms_of(made_network())
    assert all("cosine to fp32" in judgement.faults[0] for judgement in judgements)
    keep_variant(settings.cache_dir, made)
    with pytest.raises(FatalError, match=r"failed its gate \(.*cosine to fp32"):
        find_variant(settings.cache_dir, "made", key_of(files), "int8")


def test_16_bit_floats_pass_a_narrower_gate_and_need_no_calibration(
    folder: Path, settings: Settings
) -> None:
    made = gated(resolve_pack(str(folder), settings, S3Settings()), settings, "fp16")
    keep_variant(settings.cache_dir, made)
    part = made.record.recogniser
    (judgement,) = part.judgements
    assert (judgement.form, judgement.faults) == (HALF, ())
    assert 0.999 < judgement.low_cosine < 1 - 1e-9
    assert part.calibrated_on == 0
    plain, half = (
        open_pack(f"{folder}{mark}", settings, S3Settings()).record for mark in ("", "+fp16")
    )
    assert half.name == "mine+fp16"
    assert half.pack_id != plain.pack_id
    assert "has passed no gate here" in refused(f"{folder}+int8", settings)


def test_what_16_bits_cannot_hold_fails(settings: Settings) -> None:
    made = gated(pack_of(made_network(last=1e-10)), settings, "fp16")
    assert not made.record.passed
    assert "below 0.999" in made.record.recogniser.judgements[0].faults[0]


def test_sface_in_16_bits_is_sface(samples: Path, settings: Settings) -> None:
    detector = open_detector(ModelFile("yunet", shipped("yunet")), settings)
    seen = look_at(photos_of_people(open_store(str(samples / "photos"))), detector, settings)
    crops = np.stack([sight.crop for sight in seen if sight.crop is not None])
    file = ModelFile("sface", shipped("sface"))
    ready = ready_form(file, settings, free_size=False)
    data = quantise(ready, [], HALF)
    assert len(data) < len(ready) * 0.51
    onnx.checker.check_model(data)
    half = ModelFile("sface", data, ready=True)
    expected = open_recogniser(file, settings).embed(crops)
    for batching in ("off", "on"):
        how = settings.model_copy(update={"batching": batching})
        got = open_recogniser(half, how, half=True).embed(crops)
        assert (expected * got).sum(axis=1).min() > 0.9999


def test_sface_stays_within_the_range_of_16_bits(settings: Settings) -> None:
    """A CPU computes in 32 bits what is stored in 16; onnx's own evaluator rounds each layer."""
    file = ModelFile("sface", shipped("sface"))
    base = open_recogniser(file, settings)
    crop = made_faces(people=1, each=1).crops
    data = quantise(ready_form(file, settings, free_size=False), [], HALF)
    evaluator = ReferenceEvaluator(onnx.load_model_from_string(data))
    (rounded,) = evaluator.run(None, {evaluator.input_names[0]: blob(crop, 0.0, 1.0)})
    assert float((unit_length(rounded) * base.embed(crop)).sum()) > 0.9999


def test_a_failed_gate_takes_an_earlier_variant_away(
    folder: Path, settings: Settings, passed: Variant, kept: Path
) -> None:
    part = passed.record.recogniser.model_copy(update={"sha256": None})
    record = passed.record.model_copy(update={"recogniser": part})
    keep_variant(settings.cache_dir, Variant(record, {}))
    assert not kept.exists()
    assert "failed its gate" in refused(f"{folder}+int8", settings)


def test_forms_that_are_one_are_tried_once() -> None:
    forms = ["everything", "everything but the last layers", "layers but the first and the last"]
    assert forms_of(made_network()) == forms
    assert forms_of(made_network(separable=True)) == [*forms, "layers but separable ones"]


def test_of_a_detector_all_layers_that_speak_for_it_are_the_last(data: Path) -> None:
    model = scrfd_path(data, "500m").read_bytes()
    layers = sum(node.op_type == "Conv" for node in parse(model, "scrfd").graph.node)
    chosen = {form: taken(parse(model, "scrfd").graph, form) for form in FORMS}
    assert len(chosen["layers"]) == layers
    assert len(set(chosen["everything"]) - set(chosen["everything but the last layers"])) == 9
    assert len(chosen["layers but the first and the last"]) == layers - 10


def test_too_few_pairs_judge_nothing(settings: Settings) -> None:
    recogniser = ModelFile("made.onnx", made_network())
    with pytest.raises(FatalError, match="a gate needs 200"):
        gate.gate_recogniser(recogniser, "int8", made_faces(), made_faces(people=10), settings)


GOOD = Measured(
    people=100,
    faces=400,
    genuine_pairs=600,
    impostor_pairs=10_000,
    mean_cosine=0.99,
    low_cosine=0.98,
    accuracy_fp32=0.99,
    accuracy=0.99,
    shift=0.0,
)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"mean_cosine": 0.979}, "mean cosine"),
        ({"low_cosine": 0.949}, "1 % of the faces"),
        ({"accuracy": 0.986}, "told wrongly"),
        ({"shift": 0.011}, "thresholds do not hold"),
        ({"shift": -0.011}, "thresholds do not hold"),
        ({"accuracy": 0.9871}, ""),
        ({"accuracy": 1.0}, ""),
    ],
)
def test_each_fault_is_seen(change: dict[str, float], fault: str) -> None:
    faults = faults_of(GOOD.model_copy(update=change))
    assert len(faults) == bool(fault)
    assert all(fault in told for told in faults)


def test_16_bit_floats_are_held_to_more() -> None:
    assert len(faults_of(GOOD, "fp16")) == 2
    assert (
        faults_of(GOOD.model_copy(update={"mean_cosine": 0.9999, "low_cosine": 0.9995}), "fp16")
        == ()
    )


def test_the_same_descriptors_pass() -> None:
    people = np.repeat(np.arange(30), 4).astype(np.int64)
    vectors: Floats = unit_length(
        RANDOM.normal(0, 1, (30, 32)).repeat(4, axis=0) + RANDOM.normal(0, 0.5, (120, 32))
    )
    with pytest.raises(FatalError, match="180 pairs"):
        compare(vectors, vectors, people)
    vectors, people = np.tile(vectors, (2, 1)), np.concatenate([people, people])
    measured = compare(vectors, vectors, people)
    assert measured.mean_cosine == pytest.approx(1)
    assert measured.shift == 0
    assert measured.accuracy == measured.accuracy_fp32 > 0.9
    assert faults_of(measured) == ()


@pytest.mark.parametrize(
    ("genuine", "impostor", "expected"),
    [([0.9, 0.8], [0.1, 0.2], 1.0), ([0.9, 0.1], [0.2, 0.0], 0.75), ([0.0], [0.5], 0.5)],
)
def test_accuracy_is_that_of_the_best_threshold(
    genuine: list[float], impostor: list[float], expected: float
) -> None:
    assert accuracy(np.float32(genuine), np.float32(impostor)) == expected


# -- sface --------------------------------------------------------------------------------------


def test_sface_in_8_bits_is_nearly_sface(
    samples: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "MOST_CALIBRATION", 6)
    monkeypatch.setattr(gate, "TIMED", 2)
    detector = open_detector(ModelFile("yunet", shipped("yunet")), settings)
    seen = look_at(photos_of_people(open_store(str(samples / "photos"))), detector, settings)
    crops = np.stack([sight.crop for sight in seen if sight.crop is not None])
    file = ModelFile("sface", shipped("sface"))
    base = open_recogniser(file, settings)
    ready = ready_form(file, settings, free_size=False)
    data = quantise(ready, [blob(crop[None], 0, 1) for crop in crops], FORMS[0])
    assert len(data) < len(ready) / 3
    tried = open_recogniser(ModelFile("sface", data, ready=True), settings)
    assert (tried.embed(crops) * base.embed(crops)).sum(axis=1).mean() > 0.95


# -- the shelf ----------------------------------------------------------------------------------


@pytest.fixture
def shelf(settings: Settings) -> PackCache:
    return PackCache(settings, S3Settings())


def states(checks: list[dict[str, object]]) -> dict[str, bool]:
    return {str(check["name"]): bool(check["ok"]) for check in checks}


WHOLE = {
    "shipped files": True,
    "prepared detector": True,
    "prepared recogniser": True,
    "self-test": True,
}


def test_a_prepared_pack_is_listed_and_whole(folder: Path, shelf: PackCache) -> None:
    found = shelf.prepare(str(folder))
    for file in found["files"]:
        parse(Path(file["prepared"]).read_bytes(), file["name"])
    listed = shelf.contents()
    assert len(listed["cached"]) == 2
    assert all(file["whole"] for file in listed["cached"])
    assert [pack["name"] for pack in listed["packs"] if pack["ready"]] == ["embedded"]
    assert states(shelf.verify(str(folder))) == WHOLE


def test_what_is_not_in_the_cache_yet_is_not_wrong(folder: Path, shelf: PackCache) -> None:
    checks = shelf.verify(str(folder))
    assert states(checks) == WHOLE
    assert "not in the cache yet" in str(checks[1]["detail"])


def test_a_damaged_prepared_file_is_found_and_mended(folder: Path, shelf: PackCache) -> None:
    path = Path(shelf.prepare(str(folder))["files"][1]["prepared"])
    path.write_bytes(path.read_bytes() + b"\0")
    assert not all(file["whole"] for file in shelf.contents()["cached"])
    checks = shelf.verify(str(folder))
    assert states(checks) == WHOLE | {"prepared recogniser": False}
    assert "headcount models prepare" in str(checks[2]["detail"])
    shelf.prepare(str(folder))
    assert states(shelf.verify(str(folder))) == WHOLE


def test_a_pack_that_is_none_is_one_failed_check(shelf: PackCache) -> None:
    assert states(shelf.verify("bufallo")) == {"shipped files": False}


def test_variants_are_listed_with_their_gate(shelf: PackCache, passed: Variant) -> None:
    (listed,) = shelf.contents()["variants"]
    assert listed["passed"]
    assert listed["detector"]["sha256"] is None
    assert listed["recogniser"]["judgements"][0]["genuine_pairs"] == 480


# -- sharing ------------------------------------------------------------------------------------


def test_a_shared_pack_is_the_same_pack_and_needs_no_preparation(
    folder: Path, tmp_path: Path, settings: Settings, shelf: PackCache
) -> None:
    there = shelf.share(str(folder), str(tmp_path / "shared"))
    own = open_pack(str(folder), settings, S3Settings()).record
    elsewhere = settings.model_copy(update={"cache_dir": tmp_path / "elsewhere"})
    record = open_pack(there, elsewhere, S3Settings()).record
    assert record == own
    assert not (tmp_path / "elsewhere").exists()


def test_a_shared_variant_takes_its_gate_along(
    folder: Path, tmp_path: Path, settings: Settings, shelf: PackCache, passed: Variant
) -> None:
    there = shelf.share(f"{folder}+int8", str(tmp_path / "shared"))
    own = open_pack(f"{folder}+int8", settings, S3Settings()).record
    elsewhere = settings.model_copy(update={"cache_dir": tmp_path / "elsewhere"})
    record = open_pack(there, elsewhere, S3Settings()).record
    assert record == own
    again = shelf.share(there, str(tmp_path / "again"))
    assert open_pack(again, elsewhere, S3Settings()).record == own


@pytest.mark.integration
def test_a_variant_is_shared_through_a_bucket(
    s3: S3Server, folder: Path, tmp_path: Path, settings: Settings, passed: Variant
) -> None:
    uri = f"s3://{s3.make_bucket()}/packs/mine/"
    assert PackCache(settings, s3.settings()).share(f"{folder}+int8", uri) == uri
    elsewhere = settings.model_copy(update={"cache_dir": tmp_path / "elsewhere"})
    record = open_pack(uri, elsewhere, s3.settings()).record
    assert record == open_pack(f"{folder}+int8", settings, S3Settings()).record


def test_a_shared_variant_with_another_gate_is_refused(
    folder: Path, tmp_path: Path, settings: Settings, shelf: PackCache, passed: Variant
) -> None:
    there = tmp_path / "shared"
    shelf.share(f"{folder}+int8", str(there))
    notes = json.loads((there / "pack.json").read_text())
    notes["variant"]["recogniser"]["sha256"] = "0" * 64
    (there / "pack.json").write_text(json.dumps(notes))
    assert "not the one that passed its gate" in refused(str(there), settings)


def test_another_pack_is_not_overwritten(folder: Path, tmp_path: Path, shelf: PackCache) -> None:
    there = str(tmp_path / "shared")
    shelf.share(str(folder), there)
    shelf.share(str(folder), there)
    (folder / "made.onnx").write_bytes(made_network())
    with pytest.raises(FatalError, match="holds another pack"):
        shelf.share(str(folder), there)


def test_a_pack_that_another_version_prepared_is_refused(
    folder: Path, tmp_path: Path, settings: Settings, shelf: PackCache
) -> None:
    there = tmp_path / "shared"
    shelf.share(str(folder), str(there))
    notes = json.loads((there / "pack.json").read_text()) | {"preparation": "0"}
    (there / "pack.json").write_text(json.dumps(notes))
    assert "prepared by another version" in refused(str(there), settings)
