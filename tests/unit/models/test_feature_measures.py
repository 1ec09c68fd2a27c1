"""Plain features: the same in ONNX, the same when a cell is turned, finite for anything, and named."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nscweb.core.errors import WrongUse
from nscweb.inference.onnx_export import EMBEDDINGS, PROBABILITIES, onnx_bytes
from nscweb.inference.onnx_session import open_session, run_session
from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.architectures.feature_measures import Features, measure_names, measures


def cells(count: int, channels: int = 1, size: tuple[int, int] = (48, 48), seed: int = 0) -> torch.Tensor:
    """Blobs with grain on an even background, in units of their contrast."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    made = np.zeros((count, channels, *size), np.float32)
    for cell in made:
        a, b = rng.uniform(0.15, 0.4, 2) * min(size)
        cy, cx = (np.asarray(size) - 1) / 2 + rng.uniform(-2, 2, 2)
        inside = ((y - cy) / a) ** 2 + ((x - cx) / b) ** 2 < 1
        for plane in cell:
            plane += inside * (rng.uniform(-1, 1) + rng.normal(0, 1, size)) + rng.normal(0, 0.05, size)
    return torch.from_numpy(made / made.std(axis=(2, 3), keepdims=True))


def fitted(channels: int, x: torch.Tensor, vectors: int = 0) -> Features:
    """Standardised by these cells, with a classifier drawn by chance."""
    torch.manual_seed(0)
    network = Features(channels, 4, vectors=vectors)
    raw = measures(x)
    network.middle.copy_(raw.mean(dim=0))
    network.spread.copy_(raw.std(dim=0).maximum(3e-3 * raw.mean(dim=0).abs().clamp(min=1)))
    if vectors:
        network.vectors.normal_()
        network.weights.normal_()
        network.gamma.fill_(0.4 / raw.shape[1])
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize("channels", [("brightfield",), ("Ch1", "Ch2"), ("a", "b", "c")])
def test_every_feature_has_a_name_of_its_own(channels):
    names = measure_names(channels)
    assert len(set(names)) == len(names) == measures(cells(2, len(channels))).shape[1]
    assert all(any(name.startswith(f"{channel}: ") for name in names) for channel in channels)


@pytest.mark.parametrize("side", [16, 32, 33, 48, 64, 96])
def test_turns_and_mirrors_change_nothing(side):
    x = cells(6, 2, (side, side))
    before = measures(x)
    spread = before.std(dim=0) + 1e-2 * before.abs().mean(dim=0) + 1e-3
    for turned in (torch.rot90(x, 1, (2, 3)), torch.rot90(x, 2, (2, 3)), x.flip(3), x.transpose(2, 3)):
        apart = (measures(turned) - before).abs() / spread
        assert float(apart.max()) < 0.01


@pytest.mark.parametrize("size", [(32, 32), (45, 30), (48, 48), (96, 64)])
@pytest.mark.parametrize("scale", [0.0, 1e-12, 1e-3, 1e3, 1e20])
def test_anything_gives_finite_numbers(size, scale):
    assert bool(torch.isfinite(measures(cells(3, 1, size) * scale)).all())


def test_a_spot_and_an_even_field_give_finite_numbers():
    spot = torch.zeros(2, 1, 40, 40)
    spot[0, 0, 20, 20] = 30
    spot[1] = 1
    assert bool(torch.isfinite(measures(spot)).all())


def test_size_and_roundness_are_what_they_say():
    y, x = np.mgrid[:64, :64] - 31.5
    disc = np.stack([y**2 + x**2 < r**2 for r in (8, 16)]).astype(np.float32)
    long = ((y / 8) ** 2 + (x / 20) ** 2 < 1).astype(np.float32)[None]
    found = measures(torch.from_numpy(np.concatenate([disc, long])[:, None]) * 3)
    by_name = dict(zip(measure_names(["bf"]), found.T, strict=True))
    area = by_name["area"]
    assert 2.7 < float(area[1] / area[0]) < 4.2
    assert abs(float(by_name["equivalent radius"][1]) - 16) < 2.5
    assert float(by_name["axis ratio"][1]) > 0.98
    assert float(by_name["axis ratio"][2]) < 0.6


def test_mixed_precision_is_kept_out():
    x = cells(4)
    with torch.autocast("cpu", torch.bfloat16):
        found = measures(x)
    assert found.dtype == torch.float32
    assert torch.equal(found, measures(x))


# Few, because writing and opening a file takes seconds.
@pytest.mark.parametrize(("channels", "size", "vectors"), [(1, (48, 48), 9), (2, (45, 30), 0), (1, (96, 96), 9)])
def test_onnx_gives_the_same_scores_by_operators_of_the_standard(channels, size, vectors):
    import onnx

    x = cells(12, channels, size)
    network = fitted(channels, x, vectors)
    data = onnx_bytes(network, "features", 1.0, x.numpy())
    assert {node.domain for node in onnx.load_model_from_string(data).graph.node} <= {"", "ai.onnx"}
    with torch.inference_mode():
        features = network.forward_features(x)
        expected = torch.softmax(network.forward_head(features), dim=1).numpy()
    session = open_session(data)
    for rows in (slice(None), slice(0, 1)):
        found = run_session(session, x.numpy()[rows], [PROBABILITIES, EMBEDDINGS])
        assert np.abs(found[PROBABILITIES] - expected[rows]).max() < 1e-4
        assert np.abs(found[EMBEDDINGS] - features[:, :, 0, 0].numpy()[rows]).max() < 1e-3


def test_it_keeps_no_places_and_offers_occlusion():
    network = ARCHITECTURES["features"].make(1, 3)
    with pytest.raises(WrongUse, match="occlusion") as caught:
        _ = network.cam_layer
    assert caught.value.code == "E-NO-CLASS-MAPS"
