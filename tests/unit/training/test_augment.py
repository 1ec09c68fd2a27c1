"""Augmentation changes what should not matter and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from nscweb.training.augment import AugmentSettings, augment_batch

OFF = AugmentSettings.off()


def batch(count: int = 6, side: int = 36) -> torch.Tensor:
    return torch.randn(count, 1, side, side, generator=torch.Generator().manual_seed(0))


def changed(settings: AugmentSettings, cells: torch.Tensor, seed: int = 1) -> torch.Tensor:
    return augment_batch(cells, (24, 24), settings, torch.Generator().manual_seed(seed))


def test_without_changes_the_field_is_cut_from_the_middle():
    cells = batch()
    assert torch.allclose(changed(OFF, cells), cells[:, :, 6:30, 6:30], atol=1e-4)


def test_the_same_seed_gives_the_same_batch_and_another_does_not():
    cells = batch()
    settings = AugmentSettings()
    assert torch.equal(changed(settings, cells), changed(settings, cells))
    assert not torch.equal(changed(settings, cells), changed(settings, cells, seed=2))


def test_a_mirrored_cell_is_the_mirror_image():
    cells = batch()
    mirrored = changed(replace(OFF, flip=1.0), cells)
    assert torch.allclose(mirrored, cells[:, :, 6:30, 6:30].flip(3), atol=1e-4)


def test_rotation_and_shift_bring_real_surroundings_from_the_margin():
    cells = torch.ones(8, 1, 36, 36)
    moved = changed(replace(OFF, rotation=180.0, shift=0.5), cells)
    assert float(moved.min()) > 0.99


def test_a_centred_disc_survives_rotation():
    ys, xs = torch.meshgrid(torch.arange(36.0), torch.arange(36.0), indexing="ij")
    disc = torch.exp(-((ys - 17.5) ** 2 + (xs - 17.5) ** 2) / 30)[None, None].repeat(4, 1, 1, 1)
    assert torch.allclose(changed(replace(OFF, rotation=180.0), disc), disc[:, :, 6:30, 6:30], atol=0.02)


@pytest.mark.parametrize(
    ("name", "strength"),
    [
        ("illumination", 0.3),
        ("contrast", 0.3),
        ("blur", 1.0),
        ("noise", 0.3),
        ("frame", 1.0),
        ("scale", 0.2),
        ("shift", 4.0),
        ("rotation", 90.0),
    ],
)
def test_each_change_changes_every_cell_in_its_own_way(name, strength):
    cells = batch(1).repeat(6, 1, 1, 1)
    result = changed(replace(OFF, **{name: strength}), cells)
    assert result.shape == (6, 1, 24, 24)
    assert torch.isfinite(result).all()
    assert not torch.allclose(result[0], result[1], atol=1e-3)


def test_blur_and_gradient_keep_the_mean_and_noise_follows_the_contrast_of_the_cell():
    cells = torch.nn.functional.pad(batch(40, 12) + 1, (12, 12, 12, 12))
    blurred = changed(replace(OFF, blur=1.0), cells)
    assert torch.allclose(blurred.sum(dim=(2, 3)), cells.sum(dim=(2, 3)), rtol=1e-3, atol=0.05)
    noise = replace(OFF, noise=0.5)
    weak, strong = (changed(noise, cells) - changed(OFF, cells), changed(noise, cells * 10) - changed(OFF, cells * 10))
    assert torch.allclose(strong, weak * 10, rtol=1e-3, atol=1e-3)


def test_an_empty_cell_stays_finite():
    assert torch.isfinite(changed(AugmentSettings(), torch.zeros(3, 2, 36, 36))).all()


def test_quarter_turns_are_exact_turns_by_multiples_of_ninety_degrees():
    cells = batch(1, 24).repeat(40, 1, 1, 1)
    turned = changed(replace(OFF, quarter_turns=True), cells)
    expected = [torch.rot90(cells[0], times, (1, 2)) for times in range(4)]
    found = [
        next(index for index, one in enumerate(expected) if torch.allclose(one, cell, atol=1e-3)) for cell in turned
    ]
    assert set(found) == {0, 1, 2, 3}


def test_a_random_crop_enlarges_a_part_of_the_field_and_stays_inside_it():
    ys, xs = torch.meshgrid(torch.arange(36.0), torch.arange(36.0), indexing="ij")
    ramp = torch.stack((ys, xs))[None].repeat(200, 1, 1, 1)
    result = changed(replace(OFF, crop=0.08), ramp)
    # Both planes are coordinates, so corners say which box was shown: inside 6..30, the middle of the image.
    assert float(result.min()) > 5.4 and float(result.max()) < 29.6
    high = (result[:, 0, -1, 0] - result[:, 0, 0, 0]) / 23
    wide = (result[:, 1, 0, -1] - result[:, 1, 0, 0]) / 23
    area = high * wide
    assert float(area.min()) > 0.07 and float(area.max()) <= 1.001
    assert 0.45 < float(area.mean()) < 0.6
    aspect = (wide / high)[area < 0.7]
    assert float(aspect.min()) > 0.74 and float(aspect.max()) < 1.35
