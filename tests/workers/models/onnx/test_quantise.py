from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from headcount.settings import Settings
from headcount.storage import open_store
from tests.workers.networks import scrfd_path, shipped
from tests.workers.variants.made import made_faces, made_network
from workers.models.model_file import ModelFile, ready_form
from workers.models.onnx.pixels import blob
from workers.models.onnx.prepare import parse
from workers.models.onnx.quantise import FORMS, HALF, forms_of, quantise, taken
from workers.models.packs.open import open_detector, open_recogniser
from workers.models.recognisers.arcface import unit_length
from workers.variants.labelled import detect_in, photos_of_people


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache_dir=tmp_path / "cache", provider="cpu")


def test_sface_in_16_bits_is_sface(samples: Path, settings: Settings) -> None:
    detector = open_detector(ModelFile("yunet", shipped("yunet")), settings)
    seen = detect_in(photos_of_people(open_store(str(samples / "photos"))), detector, settings)
    crops = np.stack([faces.crop for faces in seen if faces.crop is not None])
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


def test_sface_in_8_bits_is_nearly_sface(samples: Path, settings: Settings) -> None:
    detector = open_detector(ModelFile("yunet", shipped("yunet")), settings)
    seen = detect_in(photos_of_people(open_store(str(samples / "photos"))), detector, settings)
    crops = np.stack([faces.crop for faces in seen if faces.crop is not None])
    file = ModelFile("sface", shipped("sface"))
    base = open_recogniser(file, settings)
    ready = ready_form(file, settings, free_size=False)
    data = quantise(ready, [blob(crop[None], 0, 1) for crop in crops], FORMS[0])
    assert len(data) < len(ready) / 3
    tried = open_recogniser(ModelFile("sface", data, ready=True), settings)
    assert (tried.embed(crops) * base.embed(crops)).sum(axis=1).mean() > 0.95
