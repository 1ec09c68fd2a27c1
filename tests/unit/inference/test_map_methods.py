"""Ways of drawing maps, on networks whose evidence is known, and Grad-CAM against the grad-cam package."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from random_models import write_random_model
from rounding import network_rounding
from torch import nn

from nscweb.core.errors import WrongUse
from nscweb.core.recipe import InputRecipe
from nscweb.evaluation.audit.occlusion import occlusion_maps
from nscweb.inference.cam import finish_maps, gradient_maps
from nscweb.inference.class_maps import class_maps
from nscweb.inference.classifier import Classifier
from nscweb.inference.map_methods import draw_maps, grad_cam, integrated_gradients, methods_for, randomised
from nscweb.models.architectures.contract import CellNetwork

SIDE = 24
PART = (slice(4, 8), slice(14, 18))


class Template(CellNetwork):
    """Class 1 scores the sum of sixteen pixels, class 0 scores nothing; features are the pixels themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.same = nn.Identity()
        self.head = nn.Linear(SIDE * SIDE, 2, bias=False)
        weight = torch.zeros(2, SIDE, SIDE)
        weight[1][PART] = 1.0
        self.head.weight.data = weight.reshape(2, -1)

    def forward_features(self, x):
        return self.same(x)

    def forward_head(self, features):
        return self.head(features.flatten(1))

    @property
    def cam_layer(self):
        return self.same

    @property
    def classifier(self):
        return self.head


def template_score(inputs):
    with torch.inference_mode():
        return Template()(torch.from_numpy(inputs)).numpy()


@pytest.fixture(scope="module")
def cells():
    return np.random.default_rng(0).uniform(0.5, 1.5, (3, 1, SIDE, SIDE)).astype(np.float32)


ONES, EMPTY = np.ones(3, np.int64), np.zeros((3, 1))


def test_covering_a_part_costs_what_the_template_holds_there_and_nothing_elsewhere(cells):
    maps = occlusion_maps(template_score, cells, ONES, 4, 4, background=EMPTY)
    held = cells[:, 0][:, *PART].sum(axis=(1, 2))
    assert maps.shape == (3, SIDE, SIDE)
    # Patches of 4 that lie side by side: 14 to 18 is the half of two of them.
    np.testing.assert_allclose(maps[:, 4:8, 12:20].mean(axis=(1, 2)), held / 2, rtol=1e-5)
    outside = maps.copy()
    outside[:, 4:8, 12:20] = 0
    np.testing.assert_allclose(outside, 0, atol=1e-5)
    # For the other class nothing speaks anywhere.
    np.testing.assert_allclose(occlusion_maps(template_score, cells, 0 * ONES, 4, 2, background=EMPTY), 0, atol=1e-5)


def test_covering_with_what_is_there_already_changes_nothing_and_says_how_far_it_is():
    even = np.full((2, 1, SIDE, SIDE), 0.7, np.float32)
    told: list[tuple[int, int]] = []
    maps = occlusion_maps(
        template_score,
        even,
        np.ones(2, np.int64),
        8,
        4,
        background=np.full((2, 1), 0.7),
        progress=lambda done, total, step="": told.append((done, total)),
    )
    np.testing.assert_allclose(maps, 0, atol=1e-6)
    assert told and all(done < total == 2 * 7 * 7 for done, total in told)
    assert occlusion_maps(template_score, even[:0], ONES[:0], 8, 4).shape == (0, SIDE, SIDE)


def test_integrated_gradients_add_up_to_the_score_and_lie_where_the_evidence_is(cells):
    maps = integrated_gradients(Template().eval(), cells, ONES, EMPTY)
    # Blurring by a pixel moves little, and loses nothing.
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), template_score(cells)[:, 1], rtol=1e-4)
    assert (maps[:, 2:10, 12:20].sum(axis=(1, 2)) > 0.95 * maps.sum(axis=(1, 2))).all()
    # Half of the way is half of the score.
    half = integrated_gradients(Template().eval(), cells, ONES, np.full((3, 1), 0.5))
    np.testing.assert_allclose(half.sum(axis=(1, 2)), template_score(cells)[:, 1] - 8, rtol=1e-3)


def test_grad_cam_without_the_package_is_that_of_the_package(tmp_path):
    entry = write_random_model(tmp_path / "random")
    network = Classifier(entry).network
    batch = np.random.default_rng(1).normal(size=(5, 1, 32, 32)).astype(np.float32)
    wanted = np.array([0, 1, 2, 0, 1])
    ours = finish_maps(grad_cam(network, batch, wanted), (32, 32))
    tolerance = network_rounding(network, 20)
    np.testing.assert_allclose(ours, gradient_maps(network, batch, wanted), rtol=0, atol=tolerance)
    np.testing.assert_array_equal(ours, draw_maps("grad-cam", network, batch, wanted, np.zeros((5, 1))))


def test_other_weights_are_other_weights_and_leave_the_network_alone(tmp_path):
    entry = write_random_model(tmp_path / "random")
    network = Classifier(entry).network
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    batch = np.random.default_rng(1).normal(size=(6, 1, 32, 32)).astype(np.float32)
    options = entry.card.options
    last, whole = (randomised(network, "compact", options, batch, 3, whole=flag) for flag in (False, True))
    again = randomised(network, "compact", options, batch, 3, whole=True)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name])
        of_head = name.startswith("head.")
        assert torch.equal(last.state_dict()[name], tensor) != of_head
        assert torch.equal(whole.state_dict()[name], again.state_dict()[name])
    assert not torch.equal(whole.state_dict()["stem.0.weight"], network.state_dict()["stem.0.weight"])
    assert not whole.training and not any(module.training for module in whole.modules())


def test_a_network_without_places_is_asked_by_occlusion(tmp_path):
    assert methods_for("compact") == ("grad-cam", "integrated-gradients")
    assert methods_for("zhu2021-mlp") == ("occlusion",)
    recipe = InputRecipe(field_px=(45, 30), resize=(45, 30))
    entry = write_random_model(tmp_path / "mlp", architecture="zhu2021-mlp", recipe=recipe)
    classifier = Classifier(entry)
    images = [np.random.default_rng(n).integers(80, 120, (1, 40, 40)).astype(np.uint8) for n in range(2)]
    with pytest.raises(WrongUse, match="no class maps"):
        classifier.predict_with_maps(images)
    maps = class_maps(classifier, images)
    np.testing.assert_array_equal(maps, class_maps(classifier, images, method="occlusion"))
    assert maps.shape == (2, *entry.card.recipe.resize)
    assert (maps.max(axis=(1, 2)) > 0.99).all() and (maps >= 0).all()
