"""Augmentation of a whole batch at once: one affine resampling, then light, contrast, blur, noise and frame.

Everything random comes from the generator that is passed in, so the same seed gives the same batch.
Strengths are in units that do not depend on the camera: pixels, degrees, or the standard deviation of the
cell's own field.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional


@dataclass(frozen=True)
class AugmentSettings:
    """How much each change may be; 0 turns it off.

    Attributes:
        rotation: degrees to either side; 180 is any direction, which is right for cells in flow.
        quarter_turns: turn by a random multiple of 90 degrees, on top of `rotation` (Kim et al. 2023).
        crop: smallest share of the area that a random resized crop keeps, at an aspect of 3:4 to 4:3; 0 off, and
            0.08 is what Li et al. 2026 get from torchvision.
        flip: share of cells mirrored.
        shift: pixels to either side, per axis.
        scale: relative change of size to either side.
        illumination: largest gradient across the field, in standard deviations of the field.
        contrast: largest relative gain, drawn apart for pixels darker and brighter than background.
        blur: largest sigma of a Gaussian, in pixels.
        noise: largest sigma of added noise, in standard deviations of the field.
        frame: share of cells whose frame is cut lower, as instruments do, so that frame size says nothing.
    """

    rotation: float = 180.0
    quarter_turns: bool = False
    crop: float = 0.0
    flip: float = 0.5
    shift: float = 4.0
    scale: float = 0.08
    illumination: float = 0.15
    contrast: float = 0.2
    blur: float = 0.8
    noise: float = 0.15
    frame: float = 0.3

    @classmethod
    def off(cls, **changes: Any) -> AugmentSettings:
        """No change at all but those named."""
        nothing = {item.name: 0.0 for item in fields(cls)}
        return cls(**{**nothing, "quarter_turns": False, **changes})


def augment_batch(fields: Tensor, field: tuple[int, int], settings: AugmentSettings, generator: Generator) -> Tensor:
    """Change cells at random.

    Args:
        fields: (N, C, h + 2 margin, w + 2 margin) float32, background at 0.
        field: (h, w) to cut out.
        settings: how much.
        generator: of the device of `fields`.

    Returns:
        (N, C, h, w) float32.
    """
    result = _move(fields, field, settings, generator)
    deviation = result.std(dim=(2, 3), keepdim=True).clamp_min(1e-6)
    if settings.contrast:
        low, high = 1 - settings.contrast, 1 + settings.contrast
        dark = _uniform(len(result), low, high, generator, result)
        bright = _uniform(len(result), low, high, generator, result)
        result = torch.where(result > 0, result * bright, result * dark)
    if settings.blur:
        result = _blur(result, settings.blur, generator)
    if settings.illumination:
        result = result + deviation * _gradient(result, settings.illumination, generator)
    if settings.noise:
        sigma = _uniform(len(result), 0.0, settings.noise, generator, result)
        grain = torch.randn(result.shape, generator=generator, device=result.device)
        result = result + grain * sigma * deviation
    if settings.frame:
        result = result * _frame(result, settings.frame, generator)
    return result


def _move(fields: Tensor, field: tuple[int, int], settings: AugmentSettings, generator: Generator) -> Tensor:
    """Rotation, mirror, size and shift in one bilinear resampling; outside the image lies background (0)."""
    count = len(fields)
    height, width = field
    angle = _uniform(count, -settings.rotation, settings.rotation, generator, fields).flatten()
    if settings.quarter_turns:
        angle = angle + 90 * _uniform(count, 0, 4, generator, fields).flatten().floor().clamp_max(3)
    angle = angle * (math.pi / 180)
    size = 1 + _uniform(count, -settings.scale, settings.scale, generator, fields).flatten()
    mirror = torch.where(_uniform(count, 0, 1, generator, fields).flatten() < settings.flip, -1.0, 1.0)
    shift_x = _uniform(count, -settings.shift, settings.shift, generator, fields).flatten()
    shift_y = _uniform(count, -settings.shift, settings.shift, generator, fields).flatten()
    # From the pixel to sample at (measured from the centre, in pixels) to the normalised coordinates -1..1.
    ys = torch.arange(height, device=fields.device) - (height - 1) / 2
    xs = torch.arange(width, device=fields.device) - (width - 1) / 2
    cosine, sine = (torch.cos(angle) / size)[:, None, None], (torch.sin(angle) / size)[:, None, None]
    x = xs[None, None, :] + shift_x[:, None, None]
    y = ys[None, :, None] + shift_y[:, None, None]
    if settings.crop:
        x, y = _cropped(x, y, field, settings.crop, generator)
    x = mirror[:, None, None] * x
    grid_x = (cosine * x - sine * y) * (2 / fields.shape[3])
    grid_y = (sine * x + cosine * y) * (2 / fields.shape[2])
    grid = torch.stack((grid_x, grid_y), dim=3)
    return functional.grid_sample(fields, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _cropped(
    x: Tensor, y: Tensor, field: tuple[int, int], smallest: float, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Places to sample at, brought into a random box of the field: a random resized crop without a second resize.

    Area and aspect are drawn as in Szegedy et al. 2015 (torchvision's RandomResizedCrop): the area evenly in
    smallest..1, the logarithm of the aspect evenly in 3/4..4/3. A side that came out too long is cut to the field.
    """
    count = len(x)
    area = _uniform(count, smallest, 1.0, generator, x).reshape(count, 1, 1)
    aspect = _uniform(count, math.log(3 / 4), math.log(4 / 3), generator, x).reshape(count, 1, 1).exp()
    wide, high = (area * aspect).sqrt().clamp_max(1.0), (area / aspect).sqrt().clamp_max(1.0)
    from_x = _uniform(count, -0.5, 0.5, generator, x).reshape(count, 1, 1) * (1 - wide) * field[1]
    from_y = _uniform(count, -0.5, 0.5, generator, x).reshape(count, 1, 1) * (1 - high) * field[0]
    return x * wide + from_x, y * high + from_y


def _blur(fields: Tensor, largest: float, generator: Generator) -> Tensor:
    """Gaussian blur with its own sigma for each cell, as two one-dimensional grouped convolutions."""
    count, channels, height, width = fields.shape
    radius = max(1, math.ceil(2 * largest))
    sigma = _uniform(count, 0.05, max(largest, 0.06), generator, fields).reshape(count, 1)
    steps = torch.arange(-radius, radius + 1, device=fields.device)[None]
    kernel = torch.exp(-0.5 * (steps / sigma) ** 2)
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(channels, dim=0)
    flat = fields.reshape(1, count * channels, height, width)
    flat = functional.conv2d(flat, kernel[:, None, :, None], padding=(radius, 0), groups=count * channels)
    flat = functional.conv2d(flat, kernel[:, None, None, :], padding=(0, radius), groups=count * channels)
    return flat.reshape(fields.shape)


def _gradient(fields: Tensor, largest: float, generator: Generator) -> Tensor:
    """(N, 1, h, w) planes of random slope in -largest..largest, zero at the centre."""
    count, _, height, width = fields.shape
    slope_y = _uniform(count, -largest, largest, generator, fields)
    slope_x = _uniform(count, -largest, largest, generator, fields)
    ys = torch.linspace(-1, 1, height, device=fields.device)[None, None, :, None]
    xs = torch.linspace(-1, 1, width, device=fields.device)[None, None, None, :]
    return slope_y * ys + slope_x * xs


def _frame(fields: Tensor, share: float, generator: Generator) -> Tensor:
    """(N, 1, h, 1) ones, and zeros above and below a frame that is lower than the field for some cells."""
    count, height = len(fields), fields.shape[2]
    half = _uniform(count, 0.36, 0.5, generator, fields) * height
    cut = _uniform(count, 0, 1, generator, fields) < share
    ys = (torch.arange(height, device=fields.device) - (height - 1) / 2).abs()[None, None, :, None]
    return torch.where(cut & (ys > half), 0.0, 1.0)


def _uniform(count: int, low: float, high: float, generator: Generator, like: Tensor) -> Tensor:
    """(N, 1, 1, 1) uniform numbers."""
    numbers = torch.rand((count, 1, 1, 1), generator=generator, device=like.device)
    return low + (high - low) * numbers
