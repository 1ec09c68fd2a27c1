"""Fast prediction gives the numbers of the plain network, whatever the batch; maps agree with Grad-CAM."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from random_models import write_random_model
from rounding import map_sizes, network_rounding, rounding, score_rounding

from nscweb.core.errors import WrongUse
from nscweb.core.recipe import InputRecipe
from nscweb.inference.cam import closed_form_maps, gradient_maps, map_on_frame
from nscweb.inference.class_maps import class_maps
from nscweb.inference.classifier import Classifier
from nscweb.inference.device import choose_device
from nscweb.inference.folding import fold_batch_norm
from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.loading import load_model
from nscweb.simulation.labelled_cells import iter_labelled_cells

# Maps whose rounding may reach this share of their range are too faint to compare.
FAINT = 0.02


@pytest.fixture(scope="module")
def cells() -> list[np.ndarray]:
    return [cell.pixels for cell in iter_labelled_cells(5, 45, replicates=1)]


@pytest.fixture(scope="module", params=["compact", "accurate", "zhu2021"])
def classifier(request, tmp_path_factory) -> Classifier:
    folder = tmp_path_factory.mktemp("models") / request.param
    return Classifier(write_random_model(folder, architecture=request.param), device="cpu", threads=1, batch=16)


def plain(classifier: Classifier, cells: list[np.ndarray]) -> torch.Tensor:
    with torch.inference_mode():
        return load_model(classifier.entry)(torch.from_numpy(classifier.prepare(cells)))


def test_folded_batch_norm_gives_the_logits_of_the_plain_network(classifier, cells):
    _, logits = classifier.run_prepared(classifier.prepare(cells))
    expected = plain(classifier, cells)
    assert float((logits - expected).abs().max()) < network_rounding(classifier.network, float(expected.abs().max()))


def test_no_batch_norm_is_left_after_folding_and_the_original_keeps_its_own(classifier):
    norm = torch.nn.BatchNorm2d
    folded = fold_batch_norm(classifier.network)
    assert not [module for module in folded.modules() if isinstance(module, norm)]
    assert [module for module in classifier.network.modules() if isinstance(module, norm)]


def test_folding_is_exact_for_statistics_far_from_one():
    torch.manual_seed(1)
    network = ARCHITECTURES["compact"].make(1, 3, {"width": 8, "depth": 1})
    for _ in range(3):
        network(3 + 5 * torch.randn(16, 1, 32, 32))
    network.eval()
    x = torch.randn(8, 1, 32, 32)
    with torch.inference_mode():
        # Channels of a mean far from zero are subtracted from one another: the terms are larger than what is left.
        near = network_rounding(network, 10 * float(network(x).abs().max()))
        assert torch.allclose(fold_batch_norm(network)(x)[1], network(x), rtol=0, atol=near)


def test_probabilities_do_not_depend_on_the_batch_or_the_company(classifier, cells):
    together = classifier.predict(cells)
    assert together.shape == (len(cells), 3)
    assert np.allclose(together.sum(axis=1), 1, rtol=0, atol=rounding(3))
    alone = np.concatenate([classifier.predict([cell]) for cell in cells[:5]])
    logits = plain(classifier, cells)
    near = score_rounding(classifier.network, float(logits.abs().max()))
    assert np.allclose(together[:5], alone, rtol=0, atol=near)
    assert np.allclose(together, torch.softmax(logits, dim=1).numpy(), rtol=0, atol=near)


def test_no_cells_give_empty_tables(classifier):
    assert classifier.predict([]).shape == (0, 3)
    probabilities, maps = classifier.predict_with_maps([])
    assert probabilities.shape == (0, 3)
    assert maps.shape == (0, *classifier.card.recipe.resize)
    assert len(classifier.embed([])) == 0


@pytest.mark.parametrize("class_index", [0, 2])
def test_closed_form_maps_equal_those_of_the_grad_cam_package(classifier, cells, class_index):
    assert classifier.closed_form_cam
    batch, wanted = classifier.prepare(cells), np.full(len(cells), class_index)
    network, weight = classifier.network, classifier.network.classifier.weight
    gradients = gradient_maps(network, batch, wanted)
    with torch.inference_mode():
        features = network.forward_features(torch.from_numpy(batch))
    closed = closed_form_maps(features, weight, torch.from_numpy(wanted), classifier.card.recipe.resize)
    assert closed.shape == (len(cells), *classifier.card.recipe.resize)
    # The features of both went through the network in batches of other sizes.
    near = network_rounding(network) * map_sizes(features, weight[class_index])
    apart, clear = np.abs(closed - gradients).max(axis=(1, 2)), near < FAINT
    assert clear.sum() >= 20
    assert (apart[clear] < near[clear]).all()
    assert closed.min() >= 0
    assert 0.9 < closed.max() <= 1


def test_maps_of_the_folded_network_are_those_maps(classifier, cells):
    # A faint map is stretched to 0..1, and with it the rounding of folding.
    network, some = classifier.network, cells[:20]
    closed, gradients = (class_maps(classifier, some, 2, way) for way in ("closed-form", "grad-cam"))
    with torch.inference_mode():
        features = network.forward_features(torch.from_numpy(classifier.prepare(some)))
    near = network_rounding(network) * map_sizes(features, network.classifier.weight[2])
    apart, clear = np.abs(closed - gradients).max(axis=(1, 2)), near < FAINT
    assert clear.sum() >= 10
    assert (apart[clear] < near[clear]).all()


def test_grad_cam_leaves_no_hooks_and_no_gradients_behind(classifier, cells):
    gradient_maps(classifier.network, classifier.prepare(cells[:2]), [0, 1])
    for module in classifier.network.modules():
        assert not module._forward_hooks
        assert not module._backward_hooks
    assert all(parameter.grad is None for parameter in classifier.network.parameters())


def test_maps_come_with_the_prediction_and_embeddings_are_the_pooled_features(classifier, cells):
    probabilities, maps = classifier.predict_with_maps(cells)
    assert np.array_equal(probabilities, classifier.predict(cells))
    assert np.array_equal(maps, class_maps(classifier, cells))
    both = classifier.predict_and_embed(cells)
    assert np.array_equal(both[0], probabilities)
    with torch.inference_mode():
        features = load_model(classifier.entry).forward_features(torch.from_numpy(classifier.prepare(cells)))
    expected = features.mean(dim=(2, 3)).numpy()
    near = network_rounding(classifier.network, float(np.abs(expected).max()))
    assert np.allclose(both[1], expected, rtol=0, atol=near)


def test_bfloat16_changes_scores_only_a_little(classifier, cells):
    quick = Classifier(classifier.entry, device="cpu", threads=1, precision="bfloat16")
    assert np.abs(quick.predict(cells) - classifier.predict(cells)).max() < 0.1
    assert quick.settings["precision"] == "bfloat16"


def test_settings_for_provenance_name_device_and_threads(classifier):
    assert classifier.settings["device"] == "CPU, 1 thread"
    assert classifier.settings["batch"] == 16


@pytest.mark.parametrize("frame", [(48, 60), (37, 60), (60, 37), (20, 20), (101, 83)])
def test_a_map_goes_back_to_the_pixels_that_the_network_saw(frame):
    recipe = InputRecipe(field_px=(40, 40), resize=(40, 40))
    placed = map_on_frame(np.ones((40, 40), np.float32), recipe, frame)
    assert placed.shape == frame
    assert placed.sum() == min(40, frame[0]) * min(40, frame[1])
    rows = np.flatnonzero(placed.any(axis=1))
    assert abs(rows[0] - (frame[0] - 1 - rows[-1])) <= 1


def test_a_bright_spot_comes_back_to_its_place():
    from nscweb.preprocess.prepare import apply_recipe

    recipe = InputRecipe(field_px=(40, 40), resize=(20, 20))
    image = np.full((1, 37, 61), 100, np.uint8)
    image[0, 10:14, 40:44] = 200
    prepared = apply_recipe(recipe, [image])[0, 0]
    placed = map_on_frame(prepared, recipe, (37, 61))
    peak = np.argwhere(placed > 0.8 * placed.max()).mean(axis=0)
    assert np.abs(peak - [11.5, 41.5]).max() < 1


def test_a_recipe_without_field_stretches_the_map_over_the_frame():
    recipe = InputRecipe(background="none", contrast="none", resize=(45, 30), divide_by=255.0)
    assert map_on_frame(np.ones((45, 30), np.float32), recipe, (37, 60)).min() == 1


def test_unknown_devices_are_refused_with_the_choices():
    with pytest.raises(WrongUse, match="auto"):
        choose_device("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(WrongUse, match="GPU"):
            choose_device("cuda")
