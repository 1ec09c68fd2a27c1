"""Fast mode is offered only when it gives the labels and shares of the exact network, and is clearly quicker.

How like an 8-bit network of random weights answers is luck, so judging is tested on made scores, and files on such
networks under limits that none of them misses.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from random_models import write_random_model

from nscweb.core import rules
from nscweb.core.card import CardEntry
from nscweb.inference import fast_mode
from nscweb.inference.backends import open_classifier
from nscweb.inference.export_files import fast_offered, read_export
from nscweb.inference.fast_check import compare
from nscweb.inference.fast_mode import FastClassifier, choose_margin, export_fast, margins
from nscweb.inference.onnx_export import INPUT, TOLERANCE, export_onnx
from nscweb.inference.onnx_session import open_session, run_session
from nscweb.preprocess.prepare import apply_recipe
from nscweb.simulation.labelled_cells import iter_labelled_cells


def any_form_passes(patch: pytest.MonkeyPatch) -> None:
    """Limits that no 8-bit form misses, for what does not depend on how well it answers."""
    patch.setattr(rules, "FAST_LEAST_AGREEMENT", 0.0)
    patch.setattr(rules, "FAST_LARGEST_RATIO_SHIFT", 1.0)
    patch.setattr(rules, "FAST_MOST_SECOND_LOOKS", 1.0)


@pytest.fixture(scope="module")
def cells() -> list[np.ndarray]:
    drawn = [cell.pixels for cell in iter_labelled_cells(8, 900, replicates=2)]
    return [drawn[index] for index in np.random.default_rng(0).permutation(len(drawn))]


@pytest.fixture(scope="module")
def entry(tmp_path_factory) -> CardEntry:
    made = write_random_model(tmp_path_factory.mktemp("models") / "random")
    return CardEntry(made.folder, replace(made.card, exports={"onnx": export_onnx(made)}))


@pytest.fixture(scope="module")
def inputs(entry, cells) -> np.ndarray:
    return apply_recipe(entry.card.recipe, cells)


@pytest.fixture(scope="module")
def fast(entry, inputs) -> CardEntry:
    with pytest.MonkeyPatch.context() as patch:
        any_form_passes(patch)
        record, figures = export_fast(entry, inputs[:400], inputs[400:])
    assert record is not None, figures
    return CardEntry(entry.folder, replace(entry.card, exports={**entry.card.exports, "fast": record}))


def test_what_passed_is_written_with_its_figures(fast):
    record = fast.card.exports["fast"]
    check = record["check"]
    assert check["passed"] is True
    assert check["cells"] == 500
    assert record["weight_bits"] == 7
    assert (fast.folder / record["file"]).stat().st_size > 1000
    assert fast_offered(fast) == (True, "")


def test_fast_mode_gives_exact_numbers_for_close_calls_and_near_ones_for_others(fast, cells):
    quick = open_classifier(fast, device="cpu", threads=2, batch=32, mode="fast")
    exact = open_classifier(fast, device="cpu", threads=1, batch=32)
    assert isinstance(quick, FastClassifier)
    assert quick.settings["mode"] == "fast"
    assert "int8" in quick.settings["precision"]
    expected, embeddings = exact.predict_and_embed(cells)
    found, close_embeddings = quick.predict_and_embed(cells)
    assert np.mean(found.argmax(axis=1) == expected.argmax(axis=1)) > 0.9
    assert close_embeddings.shape == embeddings.shape
    record = fast.card.exports["fast"]
    raw = run_session(open_session(read_export(fast, record)), exact.prepare(cells), ["probabilities"])
    near = margins(raw["probabilities"]) < record["margin"] * 0.99
    assert near.any()
    assert np.abs(found[near] - expected[near]).max() < TOLERANCE
    assert quick.embed(cells[:5]).shape == embeddings[:5].shape
    assert quick.predict_with_maps(cells[:5])[1].shape == (5, *fast.card.recipe.resize)


def test_too_few_cells_cannot_vouch_for_it(entry, inputs):
    record, figures = export_fast(entry, inputs[:400], inputs[400:500])
    assert record is None
    assert "200" in figures["reason"]


def test_a_form_that_fails_is_not_written(entry, inputs, tmp_path, monkeypatch):
    for name in ("model.onnx", "weights.safetensors", "example.npz", "card.json"):
        (tmp_path / name).write_bytes((entry.folder / name).read_bytes())
    monkeypatch.setattr(rules, "FAST_LEAST_AGREEMENT", 1.1)
    record, figures = export_fast(CardEntry(tmp_path, entry.card), inputs[:400], inputs[400:])
    assert record is None
    assert figures["passed"] is False
    assert "another label" in figures["reason"]
    assert not (tmp_path / "model.int8.onnx").exists()


def test_weights_of_seven_bit_cannot_overflow_sums_of_sixteen(fast):
    """The most that a kernel without VNNI adds up in 16 bit: two features of 255, each with the largest weight."""
    model = onnx.load_model_from_string(read_export(fast, fast.card.exports["fast"]))
    weights = [onnx.numpy_helper.to_array(item) for item in model.graph.initializer]
    weights = [item for item in weights if item.dtype == np.int8 and item.ndim == 4]
    assert weights
    assert 2 * 255 * max(int(np.abs(item.astype(int)).max()) for item in weights) <= np.iinfo(np.int16).max


def all_at_once(pairs: int) -> bytes:
    """An 8-bit convolution 1 x 1 of features of 255 with weights of 127, in the layout of the exported forms."""
    helper, kinds = onnx.helper, onnx.TensorProto
    numbers = {
        "one": np.float32(1),
        "step": np.float32(2 * pairs * 255 * 127 / 200),
        "zero": np.uint8(0),
        "even": np.int8(0),
        "weights": np.full((8, 2 * pairs, 1, 1), 127, np.int8),
    }
    nodes = [
        helper.make_node("QuantizeLinear", [INPUT, "one", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "one", "zero"], ["x"]),
        helper.make_node("DequantizeLinear", ["weights", "one", "even"], ["w"]),
        helper.make_node("Conv", ["x", "w"], ["y"]),
        helper.make_node("QuantizeLinear", ["y", "step", "zero"], ["r"]),
        helper.make_node("DequantizeLinear", ["r", "step", "zero"], ["sums"]),
    ]
    graph = helper.make_graph(
        nodes,
        "sums",
        [helper.make_tensor_value_info(INPUT, kinds.FLOAT, ["cells", 2 * pairs, 4, 4])],
        [helper.make_tensor_value_info("sums", kinds.FLOAT, ["cells", 8, 4, 4])],
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in numbers.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(made.SerializeToString())


@pytest.mark.parametrize("pairs", [8, 32])
def test_wide_sums_are_right_for_weights_of_full_range(pairs):
    """Without VNNI the usual kernel adds two products of 255 x 127 in 16 bit, which holds half of their sum."""
    cells = np.full((3, 2 * pairs, 4, 4), 255, np.float32)
    found = run_session(open_session(all_at_once(pairs), wide_sums=True), cells, ["sums"])["sums"]
    expected = 2 * pairs * 255 * 127
    assert np.abs(found - expected).max() <= expected / 200


def test_forms_of_earlier_versions_take_wide_sums(fast, monkeypatch):
    """Their weights have 8 bit; what the card says of today's forms lets them take the quick kernels."""
    asked = []
    given = fast_mode.open_session
    monkeypatch.setattr(fast_mode, "open_session", lambda data, **how: asked.append(how) or given(data, **how))
    record = dict(fast.card.exports["fast"])
    FastClassifier(fast, fast.card.exports["onnx"], record, threads=1, batch=64)
    del record["weight_bits"]
    FastClassifier(fast, fast.card.exports["onnx"], record, threads=1, batch=64)
    assert asked == [{"wide_sums": False}, {"wide_sums": True}]


def scores(*labels: int) -> np.ndarray:
    return np.eye(3, dtype=np.float32)[list(labels)]


def test_both_bars_are_needed():
    exact = scores(*([0] * 500 + [1] * 500))
    assert not compare(exact, exact, 0.1).reason
    # What lies on a limit is allowed, however shares round: one cell of 500, two of 1,000.
    assert not compare(exact[250:750], scores(*([0] * 251 + [1] * 249))).reason
    assert not compare(exact, scores(*([0] * 502 + [1] * 498))).reason
    # Two in a thousand changed one way: labels agree on 99.7 %, the share moves by 0.3 points.
    one_way = scores(*([0] * 503 + [1] * 497))
    found = compare(exact, one_way, 0.1)
    assert found.agreement == pytest.approx(0.997)
    assert "points" in found.reason
    # Ten changed, five each way: no share moves, too many labels do.
    both_ways = scores(*([0] * 495 + [1] * 5 + [0] * 5 + [1] * 495))
    assert "another label" in compare(exact, both_ways, 0.1).reason
    assert "saves no time" in compare(exact, exact, 0.9).reason


def test_the_margin_covers_the_change_of_margins():
    rng = np.random.default_rng(0)
    exact = rng.dirichlet([1, 1, 1], 2000).astype(np.float32)
    noisy = np.clip(exact + rng.normal(0, 0.01, exact.shape), 0, None).astype(np.float32)
    noisy /= noisy.sum(axis=1, keepdims=True)
    margin = choose_margin(exact, noisy)
    assert 0.01 < margin < 0.1
    changed = exact.argmax(axis=1) != noisy.argmax(axis=1)
    assert changed.any()
    assert np.mean(margins(noisy)[changed] < margin) > 0.9
    assert choose_margin(exact, exact) == 0
    assert margins(np.ones((4, 1), np.float32)).tolist() == [1, 1, 1, 1]
