"""Changed recordings are what they say they are, and the table tells how a network holds up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_cells import QUICK, toy_data
from torch import nn

from nscweb.core.errors import JobCancelled
from nscweb.training.augment import AugmentSettings
from nscweb.training.card_writer import CardText
from nscweb.training.checks import changes
from nscweb.training.checks.network_probe import probe_of
from nscweb.training.checks.robustness import planned_changes, robustness
from nscweb.training.data.recordings import light_of, recordings_of
from nscweb.training.jury import Jury
from nscweb.training.make_model import train
from nscweb.training.splits.plan import split_by_sample

TEXT = CardText("Toys", "Round or long.", "python x", "2026-01-02T03:04:05Z")


def cell(level: float = 100, depth: float = -40, noise: float = 2, slope: float = 0, seed: int = 0) -> np.ndarray:
    """8 bit, 41 x 51 pixels, a round cell in the middle."""
    ys, xs = np.mgrid[:41, :51]
    body = np.exp(-(((ys - 20) / 5) ** 2) - ((xs - 25) / 5) ** 2)
    light = level + slope * (xs / 50 - 0.5)
    made = light + depth * body + np.random.default_rng(seed).normal(0, noise, ys.shape)
    return np.clip(np.rint(made), 0, 255).astype(np.uint8)[None]


def test_the_light_of_an_image_is_known():
    (known,) = recordings_of([cell(slope=10)])
    assert known.level[0] == pytest.approx(100, abs=1)
    assert known.noise[0] == pytest.approx(2, abs=0.4)
    assert known.slope_x[0] == pytest.approx(10, abs=1.5)
    assert known.contrast[0] == pytest.approx(31, abs=4)
    assert 5 <= known.reach[0] <= 12 and 5 <= known.reach[1] <= 12
    assert np.ptp(light_of(known, (41, 51))[0, 20]) == pytest.approx(abs(known.slope_x[0]), abs=1e-3)
    assert recordings_of([]) == []


def test_a_cell_in_the_light_of_another_has_its_light():
    own, other = cell(100, -40, 2), cell(160, -80, 5, 12, seed=1)
    lights = recordings_of([own, other])
    rng = np.random.default_rng(0)
    made = changes.swapped(own, *lights, ("background", "gradient", "noise", "contrast"), rng)
    (found,) = recordings_of([made])
    assert made.dtype == own.dtype and made.shape == own.shape
    assert found.level[0] == pytest.approx(160, abs=2)
    assert found.noise[0] == pytest.approx(lights[1].noise[0], rel=0.3)
    assert found.contrast[0] == pytest.approx(lights[1].contrast[0], rel=0.15)
    assert found.slope_x[0] == pytest.approx(12, abs=3)
    only = changes.swapped(own, *lights, ("background",), rng)
    assert np.abs(only.astype(int) - own - 60).max() <= 2
    quieter = recordings_of([changes.swapped(other, *lights[::-1], ("noise",), rng)])[0]
    assert quieter.noise[0] < 0.7 * lights[1].noise[0]


def test_a_frame_is_never_cut_into_the_cell_and_added_background_looks_like_it():
    image = cell()
    (own,) = recordings_of([image])
    rng = np.random.default_rng(0)
    larger = changes.reframed(image, own, (61, 71), rng)
    assert larger.shape == (1, 61, 71)
    assert np.array_equal(larger[:, 10:51, 10:61], image)
    rim = larger[0, :8].astype(float)
    assert rim.mean() == pytest.approx(100, abs=1) and rim.std() == pytest.approx(2, abs=0.7)
    smaller = changes.reframed(image, own, (4, 4), rng)
    assert 2 * own.reach[0] < smaller.shape[1] < 41
    assert smaller.min() == image.min()


def test_single_changes_do_what_they_say():
    image = cell(noise=0)
    (own,) = recordings_of([cell()])
    rng = np.random.default_rng(0)
    assert changes.blurred(image, 2.0).min() > image.min()
    assert np.array_equal(changes.turned(image, 0.0, 1.0), image)
    assert np.abs(changes.turned(image, 90.0).astype(int) - image).max() <= 2
    assert (changes.turned(image, 0.0, 1.5) < 90).sum() > 1.5 * (image < 90).sum()
    assert np.median(changes.brighter(image, 1.4)) == 140
    assert changes.contrasted(image, own, 0.5).min() == pytest.approx(80, abs=2)
    assert changes.noisier(image, own, 0.2, rng)[0, :5].std() == pytest.approx(0.2 * own.contrast[0], rel=0.2)
    assert np.ptp(changes.sloped(image, own, 0.5, rng)[0, :, :4].astype(int)) >= 0.2 * own.contrast[0]
    assert len(np.unique(changes.shallower(image, 4))) <= 16
    assert np.abs(changes.compressed(image, 95).astype(int) - image).mean() < 2


def test_defocus_takes_fine_detail_away_and_leaves_the_light():
    image = cell(noise=6)
    near, far = changes.defocused(image, 0.0, 1.0), changes.defocused(image, 16.0, 1.0)
    assert np.array_equal(near, image)
    assert far.mean() == pytest.approx(image.mean(), abs=1)
    assert far[0, :10].std() < 0.6 * image[0, :10].std()


def test_twelve_bit_images_become_eight_bit_ones_and_the_other_way_round():
    deep = cell().astype(np.uint16) * 16
    shallow = changes.shallower(deep, 8)
    assert shallow.dtype == np.uint8
    assert np.median(shallow) == pytest.approx(100, abs=1)
    kept = changes.shallower(deep, 10)
    assert kept.dtype == np.uint16 and np.median(kept) == pytest.approx(1600, abs=8)
    finer = next(change for change in planned_changes(cell()) if change.pixel_factor != 1)
    (own,) = recordings_of([cell()])
    made = finer.make(cell(), own, np.random.default_rng(0), finer.amount)
    assert made.dtype == np.uint16 and made.shape[1] > 2 * 41
    assert np.median(made) == pytest.approx(793, abs=4)
    coarser = next(change for change in planned_changes(deep) if change.pixel_factor != 1)
    (own,) = recordings_of([deep])
    assert coarser.make(deep, own, np.random.default_rng(0), coarser.amount).dtype == np.uint8


def test_strengths_are_stated_with_their_units():
    said = {change.kind: change.strength for change in planned_changes(cell(), 0.5)}
    assert said["blur"].endswith("px") and said["defocus"] == "16 µm" and said["noise"] == "20 % of contrast"
    assert "at 1 µm per pixel" in next(c.strength for c in planned_changes(cell()) if c.kind == "defocus")
    assert "bit" in said["depth"] and "°" in said["rotation"] and "ImageStream" in said["instrument"]


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    config = replace(QUICK, epochs=4, augment=AugmentSettings.off(flip=0.5))
    return train(config, toy_data(30), tmp_path_factory.mktemp("models") / "toys", TEXT).card


def test_the_table_of_a_card_starts_unchanged_and_has_every_change(card):
    first = card.robustness[0]
    assert (first["change"], first["cost"], first["share_shift"]) == ("unchanged", 0, 0)
    assert len(card.robustness) == len(planned_changes(cell())) + 1
    for row in card.robustness:
        assert 0 <= row["low"] <= row["accuracy"] <= row["high"] <= 1
        assert row["cost"] == pytest.approx(first["accuracy"] - row["accuracy"], abs=2e-4)
        assert row["cells"] > 0 and row["samples"] > 0 and "bootstrap" in row["interval"]
    # The recipe divides by the deviation and takes the background off, so light and contrast cost next to nothing.
    for row in card.robustness:
        if row["kind"] in ("light", "contrast") and row["amount"] > 0.6:
            assert abs(row["cost"]) < 0.05


class Dark(nn.Module):
    """Says the second class of everything whose middle is not dark; no network at all."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        middle = x[:, 0, 10:14, 10:14].mean(dim=(1, 2))
        return torch.stack([-middle, middle], dim=1)


def test_probes_are_bounded_spread_and_can_be_stopped(monkeypatch):
    data = toy_data(20)
    split = split_by_sample(data, 0)
    monkeypatch.setattr("nscweb.training.checks.network_probe.MOST_CELLS", 30)
    monkeypatch.setattr("nscweb.training.checks.network_probe.FEWEST_CELLS", 30)
    probe = probe_of(Jury.alone(Dark(), data, split), 1, torch.device("cpu"))
    assert probe is not None and len(probe.labels) == 30
    counts = np.unique(probe.sample_of, return_counts=True)[1]
    assert counts.max() - counts.min() <= 1
    assert len(probe.donors.labels) == 30
    table = robustness(probe, seed=1)
    assert table == robustness(probe, seed=1)
    with pytest.raises(JobCancelled):
        robustness(probe, seed=1, cancel=lambda: True)
    assert probe_of(Jury.alone(Dark(), replace(data, raw=None), split), 1, torch.device("cpu")) is None
    assert robustness(None, seed=1) == ()
