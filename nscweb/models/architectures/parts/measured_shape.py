"""Where a cell is in a network input, and its shape, as numbers that a turn or a mirror does not change.

Everything is smooth in the pixels: no pixel jumps from outside to inside, so that two runtimes whose sums differ in
the seventh digit give the same numbers. Lengths are pixels of the input, which the recipe of a model ties to a length.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

Named = list[tuple[str, Tensor]]
"""(name, (N,) values), in order."""

_LEVELS = 31
_SHARPNESS = 60.0
_SOFT = 0.05
_AREA_LEVELS = (0.1, 0.2, 0.3, 0.5, 0.7)
_SMALL = 1e-6
# Below every value, for what lies outside the field.
_FAR_BELOW = -1e30


def gaussian(x: Tensor, sigma: float) -> Tensor:
    """(B, 1, H, W) blurred; what lies outside counts as background, 0."""
    reach = math.ceil(3 * sigma)
    at = torch.arange(-reach, reach + 1, dtype=torch.float32, device=x.device)
    line = torch.exp(-(at**2) / (2 * sigma**2))
    line = line / line.sum()
    rows = functional.conv2d(x, line[None, None, :, None], padding=(reach, 0))
    return functional.conv2d(rows, line[None, None, None, :], padding=(0, reach))


def highest(x: Tensor, radius: int) -> Tensor:
    """(B, C, H, W) largest value in the square of 2 * radius + 1 pixels around each.

    By maxima of shifted copies, each twice as wide as the one before: many times as quick as pooling.
    """
    padded = functional.pad(x, (radius, radius, radius, radius), value=_FAR_BELOW)
    return _highest_along(_highest_along(padded, 2, 2 * radius + 1), 3, 2 * radius + 1)


def _highest_along(x: Tensor, axis: int, side: int) -> Tensor:
    """Largest of `side` values that follow each other along an axis, which becomes side - 1 shorter."""
    wide = 1
    while wide < side:
        step = min(wide, side - wide)
        length = int(x.shape[axis]) - step
        x = torch.maximum(x.narrow(axis, 0, length), x.narrow(axis, step, length))
        wide += step
    return x


def lowest(x: Tensor, radius: int) -> Tensor:
    """(B, C, H, W) smallest value in the square of 2 * radius + 1 pixels around each."""
    return -highest(-x, radius)


def opened(x: Tensor, radius: int) -> Tensor:
    """Without bright things that are smaller than the square."""
    return highest(lowest(x, radius), radius)


def closed(x: Tensor, radius: int) -> Tensor:
    """Without dark things that are smaller than the square."""
    return lowest(highest(x, radius), radius)


def differences(x: Tensor) -> tuple[Tensor, Tensor]:
    """Central differences of (B, 1, H, W) along rows and along columns, per pixel."""
    padded = functional.pad(x, (1, 1, 1, 1))
    down = (padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]) / 2
    right = (padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]) / 2
    return down, right


def relief(x: Tensor) -> Tensor:
    """(N, 1, H, W) in 0..1: how much the surroundings of each pixel differ from background, over all channels.

    Args:
        x: (N, C, H, W), every channel in units of its own contrast.
    """
    rough = gaussian(x.abs().mean(dim=1, keepdim=True), 1.5)
    return rough / (rough.amax(dim=(2, 3), keepdim=True) + _SMALL)


def soft_mask(level: Tensor) -> Tensor:
    """(N, 1, H, W) in 0..1: 1 inside the cell. The threshold is Otsu's (1979) on a fixed grid, weighted, not chosen.

    Args:
        level: of `relief`.
    """
    flat = level.flatten(1)[:, None]
    grid = torch.arange(1, _LEVELS + 1, dtype=torch.float32, device=level.device)[None, :, None] / (_LEVELS + 1)
    above = (flat >= grid).float()
    # Share of pixels above each threshold, and their sum.
    sums = above @ torch.stack([torch.ones_like(level), level], dim=-1).flatten(1, 3) / int(flat.shape[2])
    share, inside = sums.unbind(dim=2)
    whole = flat.mean(dim=2)
    between = (inside - share * whole) ** 2 / (share * (1 - share) + _SMALL)
    weight = torch.softmax(_SHARPNESS * between / (between.amax(dim=1, keepdim=True) + _SMALL), dim=1)
    threshold = (weight * grid[..., 0]).sum(dim=1)[:, None, None, None]
    return closed(torch.sigmoid((level - threshold) / _SOFT), 3)


class Places:
    """Positions of the pixels as seen from the middle of the cell.

    Attributes:
        mask: (N, P) of `soft_mask`. area: (N, 1) in pixels. radius: (N, 1) of a disc of that area.
        down, right: (N, P) distances from the middle. far: (N, P) their length.
    """

    def __init__(self, mask: Tensor) -> None:
        height, width = int(mask.shape[2]), int(mask.shape[3])
        rows = torch.arange(height, dtype=torch.float32, device=mask.device) - (height - 1) / 2
        columns = torch.arange(width, dtype=torch.float32, device=mask.device) - (width - 1) / 2
        y = rows[:, None].expand(height, width).reshape(1, -1)
        x = columns[None, :].expand(height, width).reshape(1, -1)
        self.half = min(height, width) / 2
        self.mask = mask.flatten(1)
        self.area = self.mask.sum(dim=1, keepdim=True) + 1e-3
        self.radius = (self.area / math.pi).sqrt()
        self.down = y - (self.mask * y).sum(dim=1, keepdim=True) / self.area
        self.right = x - (self.mask * x).sum(dim=1, keepdim=True) / self.area
        self.far = (self.down**2 + self.right**2 + _SMALL).sqrt()

    def repeated(self, times: int) -> Places:
        """The same for every channel: N becomes N * times, channels of a cell beside each other."""
        made = Places.__new__(Places)
        made.half = self.half
        for name in ("mask", "area", "radius", "down", "right", "far"):
            setattr(made, name, getattr(self, name).repeat_interleave(times, dim=0))
        return made

    def spread(self, weight: Tensor, name: str) -> Named:
        """Moments about the middle that turns and mirrors leave (Flusser 2000), of non-negative weights (N, P).

        Width against that of a disc, distance of the centre of mass, elongation, three- and fourfold parts.
        """
        total = weight.sum(dim=1) + 1e-3
        u, v = self.right / self.radius, self.down / self.radius
        square = u**2 + v**2

        def length(real: Tensor, imaginary: Tensor) -> Tensor:
            along = (weight * real).sum(dim=1) / total, (weight * imaginary).sum(dim=1) / total
            return (along[0] ** 2 + along[1] ** 2 + _SMALL).sqrt()

        second = (weight * square).sum(dim=1) / total
        fourth = (weight * square**2).sum(dim=1) / total
        cosine, sine = u**2 - v**2, 2 * u * v
        elongation = length(cosine, sine) / (second + 1e-3)
        threefold = length(u**3 - 3 * u * v**2, 3 * u**2 * v - v**3)
        return [
            (f"width of {name}", second.sqrt()),
            (f"tails of {name}", fourth / (second**2 + 1e-3)),
            (f"offset of {name}", length(u, v)),
            (f"elongation of {name}", elongation),
            (f"skew of {name}", length(u * square, v * square)),
            (f"threefold part of {name}", threefold),
            (f"fourfold part of {name}", length(cosine**2 - sine**2, 2 * cosine * sine)),
        ]


def shape(level: Tensor, mask: Tensor, places: Places) -> Named:
    """Area, outline and moments of the mask; lengths in pixels."""
    area = places.area[:, 0]
    down, right = differences(mask)
    outline = (down**2 + right**2 + 1e-8).sqrt().sum(dim=(1, 2, 3))
    half = (places.mask * (places.down**2 + places.right**2)).sum(dim=1) / area / 2
    uneven = (places.mask * (places.down**2 - places.right**2)).sum(dim=1) / area / 2
    mixed = (places.mask * places.down * places.right).sum(dim=1) / area
    apart = (uneven**2 + mixed**2 + _SMALL).sqrt()
    major, minor = (half + apart).clamp(min=0).sqrt(), (half - apart).clamp(min=_SMALL).sqrt()
    box = mask.amax(dim=2).sum(dim=(1, 2)) * mask.amax(dim=3).sum(dim=(1, 2))
    found = [
        ("area", area),
        ("equivalent radius", places.radius[:, 0]),
        ("outline length", outline),
        ("compactness", 4 * math.pi * area / (outline**2 + 1.0)),
        ("major axis", major),
        ("minor axis", minor),
        ("axis ratio", minor / (major + 1e-3)),
        ("extent", area / (box + 1.0)),
        ("filled by closing", area / (closed(mask, 6).sum(dim=(1, 2, 3)) + 1e-3)),
        ("kept by opening of 3 px", opened(mask, 3).sum(dim=(1, 2, 3)) / area),
        ("kept by opening of 6 px", opened(mask, 6).sum(dim=(1, 2, 3)) / area),
    ]
    for at in _AREA_LEVELS:
        found.append((f"area above {at:g} of the relief", torch.sigmoid((level - at) / _SOFT).sum(dim=(1, 2, 3))))
    return found + places.spread(places.mask, "the mask")
