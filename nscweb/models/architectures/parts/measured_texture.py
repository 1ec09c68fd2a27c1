"""What is inside a cell, one channel at a time: brightness, rings, edges, grains, spectrum, neighbourhoods.

Images come in units of their own contrast, (B, 1, H, W), and every number stays the same when the image is turned by a
quarter or mirrored.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from nscweb.models.architectures.parts.measured_shape import Named, Places, closed, differences, gaussian, opened

_QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
_QUANTILE_WIDTH = 0.03
_RINGS = 12
_SCALED_RINGS = 12
_SCALED_STEP = 0.15
_BANDS = 16
_LAGS = (1, 2, 3, 5, 8)
_GRAINS = (1, 2, 3, 5)
_SMALL = 1e-6


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum(dim=1) / (weight.sum(dim=1) + 1e-3)


def _log(energy: Tensor) -> Tensor:
    return torch.log(energy + 1e-5) / 2


def brightness(image: Tensor, places: Places) -> Named:
    """Moments and quantiles inside the mask; a quantile is the mean around it, so that it is smooth."""
    values, mask = image.flatten(1), places.mask
    middle = _mean(values, mask)
    centred = values - middle[:, None]
    spread = (_mean(centred**2, mask) + 1e-4).sqrt()
    quantiles = _quantiles(values, places)
    found = [
        ("mean", middle),
        ("standard deviation", spread),
        ("skewness", _mean(centred**3, mask) / spread**3),
        ("kurtosis", _mean(centred**4, mask) / spread**4),
        ("mean outside", _mean(values, 1 - mask)),
        ("log energy outside", _log(_mean(values**2, 1 - mask))),
    ]
    found += [(f"quantile {share:g}", quantiles[:, index]) for index, share in enumerate(_QUANTILES)]
    for name, part in (("bright parts", values.clamp(min=0)), ("dark parts", (-values).clamp(min=0))):
        found += places.spread(mask * part, name)
    return found


def _quantiles(values: Tensor, places: Places) -> Tensor:
    """(B, Q) means around each quantile of values (B, P) inside the mask.

    Every pixel counts by the part of a triangle that its place in the order covers. Of pixels of one value only the
    ends of their stretch count, so the order among them, which every runtime chooses for itself, plays no part.
    """
    ordered, order = values.sort(dim=1)
    upto = places.mask.gather(1, order).cumsum(dim=1) / places.area
    edges = torch.cat([torch.zeros_like(upto[:, :1]), upto], dim=1)[:, None]
    shares = torch.tensor(_QUANTILES, dtype=torch.float32, device=values.device)[None, :, None]
    at = ((edges - shares) / _QUANTILE_WIDTH).clamp(-1, 1)
    covered = at - at * at.abs() / 2
    near = covered[:, :, 1:] - covered[:, :, :-1]
    return (near * ordered[:, None]).sum(dim=2) / (near.sum(dim=2) + 1e-6)


def rings(image: Tensor, places: Places) -> Named:
    """Mean and spread around the middle of the cell, in rings of pixels and in rings of its own radius."""
    values = image.flatten(1)
    both = torch.stack([values, values**2], dim=2)
    found: Named = []
    kinds = (
        ("ring", places.far / (places.half / _RINGS), _RINGS),
        ("ring of the radius", places.far / places.radius / _SCALED_STEP, _SCALED_RINGS),
    )
    for name, at, count in kinds:
        number = torch.arange(count, dtype=torch.float32, device=image.device)[None, :, None]
        weight = (1 - (at[:, None] - number).abs()).clamp(min=0)
        mean, square = (weight @ both / (weight.sum(dim=2, keepdim=True) + 1e-3)).unbind(dim=2)
        spread = ((square - mean**2).clamp(min=0) + 1e-4).sqrt()
        found += [(f"mean in {name} {index}", mean[:, index]) for index in range(count)]
        found += [(f"spread in {name} {index}", spread[:, index]) for index in range(count)]
    return found


def edges(image: Tensor, places: Places) -> Named:
    """Gradients and Laplacians of the image and of two blurred copies, inside the mask and on its rim."""
    mask = places.mask
    rim = 4 * mask * (1 - mask)
    outwards = (places.down / places.far, places.right / places.far)
    found: Named = []
    for sigma in (0, 1, 2):
        smooth = gaussian(image, sigma) if sigma else image
        down, right = (part.flatten(1) for part in differences(smooth))
        square = down**2 + right**2
        steep = (square + _SMALL).sqrt()
        radial = down * outwards[0] + right * outwards[1]
        energy = _mean(square, mask)
        along = ((_mean(down**2 - right**2, mask)) ** 2 + (2 * _mean(down * right, mask)) ** 2 + _SMALL).sqrt()
        padded = functional.pad(smooth, (1, 1, 1, 1))
        around = padded[:, :, 2:, 1:-1] + padded[:, :, :-2, 1:-1] + padded[:, :, 1:-1, 2:] + padded[:, :, 1:-1, :-2]
        bend = (around - 4 * smooth).flatten(1)
        bend_energy = _mean(bend**2, mask)
        found += [
            (f"gradient at {sigma} px", _mean(steep, mask)),
            (f"log gradient energy at {sigma} px", _log(energy)),
            (f"gradient on the rim at {sigma} px", _mean(steep, rim)),
            (f"gradient outside at {sigma} px", _mean(steep, 1 - mask)),
            (f"outward gradient at {sigma} px", _mean(radial, mask)),
            (f"outward gradient on the rim at {sigma} px", _mean(radial, rim)),
            (f"outward share of gradients at {sigma} px", _mean(radial**2, mask) / (energy + 1e-4)),
            (f"one-sidedness of gradients at {sigma} px", along / (energy + 1e-4)),
            (f"Laplacian at {sigma} px", _mean(bend, mask)),
            (f"log Laplacian energy at {sigma} px", _log(bend_energy)),
            (f"skewness of the Laplacian at {sigma} px", _mean(bend**3, mask) / (bend_energy + 1e-4) ** 1.5),
            (f"kurtosis of the Laplacian at {sigma} px", _mean(bend**4, mask) / (bend_energy + 1e-4) ** 2),
        ]
        found += places.spread(mask * steep, f"gradients at {sigma} px")
    return found


def grains(image: Tensor, places: Places) -> Named:
    """What openings and closings of growing squares take away (granularity), and energy between blurs."""
    values, mask = image.flatten(1), places.mask
    found: Named = []
    for radius in _GRAINS:
        found.append((f"bright grains up to {radius} px", _mean(values - opened(image, radius).flatten(1), mask)))
        found.append((f"dark grains up to {radius} px", _mean(closed(image, radius).flatten(1) - values, mask)))
    finer = image
    for sigma in (1, 2, 4):
        coarser = gaussian(image, sigma)
        band = (finer - coarser).flatten(1)
        energy = _mean(band**2, mask)
        found.append((f"log energy below {sigma} px", _log(energy)))
        found.append((f"log energy outside below {sigma} px", _log(_mean(band**2, 1 - mask))))
        found.append((f"kurtosis below {sigma} px", _mean(band**4, mask) / (energy + 1e-4) ** 2))
        finer = coarser
    return found


def _waves(length: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Cosines and sines (length, length) of the discrete Fourier transform, and its frequencies per pixel."""
    number = torch.arange(length, dtype=torch.float32, device=device)
    frequency = torch.where(number > length / 2, number - length, number) / length
    # Whole turns are taken off first: large angles lose digits.
    turns = torch.outer(number, number)
    angle = 2 * math.pi * (turns - length * torch.floor(turns / length)) / length
    return angle.cos(), angle.sin(), frequency


def spectrum(image: Tensor, places: Places) -> Named:
    """Log power in rings of spatial frequency, of the whole field and of the cell, and its direction."""
    height, width = int(image.shape[2]), int(image.shape[3])
    row_cosine, row_sine, down = _waves(height, image.device)
    column_cosine, column_sine, right = _waves(width, image.device)
    far = (down[:, None] ** 2 + right[None] ** 2 + 1e-12).sqrt().reshape(1, -1)
    number = torch.arange(_BANDS, dtype=torch.float32, device=image.device)[:, None]
    ring = (1 - (far / (0.5 / (_BANDS - 1)) - number).abs()).clamp(min=0)
    ring = ring / (ring.sum(dim=1, keepdim=True) + _SMALL)
    cosine = ((down[:, None] ** 2 - right[None] ** 2).reshape(1, -1)) / far**2
    sine = (2 * down[:, None] * right[None]).reshape(1, -1) / far**2
    mask = places.mask.reshape(image.shape[0], 1, height, width)
    middle = _mean(image.flatten(1), places.mask)[:, None, None, None]
    found: Named = []
    for name, part in (("field", image - image.mean(dim=(2, 3), keepdim=True)), ("cell", mask * (image - middle))):
        plane = part[:, 0]
        one, two = plane @ column_cosine, plane @ column_sine
        real = row_cosine @ one - row_sine @ two
        imaginary = row_sine @ one + row_cosine @ two
        power = (real**2 + imaginary**2).flatten(1) / (height * width)
        bands = power @ ring.T
        found += [(f"log power of the {name} in band {index}", _log(bands[:, index])) for index in range(_BANDS)]
        if name == "cell":
            along = ((power @ (ring * cosine).T) ** 2 + (power @ (ring * sine).T) ** 2 + 1e-8).sqrt()
            for index in range(1, _BANDS, 2):
                share = along[:, index] / (bands[:, index] + 1e-3)
                found.append((f"one-sidedness of power in band {index}", share))
    return found


def neighbours(image: Tensor, places: Places) -> Named:
    """Likeness of pixels some steps apart inside the cell, both directions together, and their difference."""
    height, width = int(image.shape[2]), int(image.shape[3])
    mask = places.mask.reshape(image.shape[0], height, width)
    middle = _mean(image.flatten(1), places.mask)
    plane = image[:, 0] - middle[:, None, None]
    energy = _mean(plane.flatten(1) ** 2, places.mask) + 1e-3
    found: Named = []
    for lag in _LAGS:
        pairs = (
            (plane[:, lag:], plane[:, :-lag], mask[:, lag:] * mask[:, :-lag]),
            (plane[:, :, lag:], plane[:, :, :-lag], mask[:, :, lag:] * mask[:, :, :-lag]),
            (plane[:, lag:, lag:], plane[:, :-lag, :-lag], mask[:, lag:, lag:] * mask[:, :-lag, :-lag]),
            (plane[:, lag:, :-lag], plane[:, :-lag, lag:], mask[:, lag:, :-lag] * mask[:, :-lag, lag:]),
        )
        alike = [_mean((a * b).flatten(1), both.flatten(1)) / energy for a, b, both in pairs]
        apart = [_mean((a - b).abs().flatten(1), both.flatten(1)) for a, b, both in pairs]
        found += [
            (f"correlation at {lag} px", (alike[0] + alike[1]) / 2),
            (f"diagonal correlation at {lag} px", (alike[2] + alike[3]) / 2),
            (f"one-sided correlation at {lag} px", (alike[0] - alike[1]).abs() + (alike[2] - alike[3]).abs()),
            (f"difference at {lag} px", (apart[0] + apart[1]) / 2),
            (f"diagonal difference at {lag} px", (apart[2] + apart[3]) / 2),
        ]
    return found


def patterns(image: Tensor, places: Places) -> Named:
    """Shares of rotation-invariant uniform local binary patterns (Ojala et al. 2002) inside the cell.

    Pixels of the input are compared as they came, so that rounding cannot decide.
    """
    height, width = int(image.shape[2]), int(image.shape[3])
    padded = functional.pad(image, (1, 1, 1, 1))
    around = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))
    bits = [(padded[:, :, 1 + y : 1 + y + height, 1 + x : 1 + x + width] >= image).float() for y, x in around]
    turns = sum((bits[index] - bits[index - 1]).abs() for index in range(8))
    count = sum(bits)
    assert isinstance(turns, Tensor) and isinstance(count, Tensor)
    code = torch.where(turns > 2.5, torch.full_like(count, 9.0), count).flatten(1)
    return [
        (f"share of pattern {number}", _mean((1 - (code - number).abs()).clamp(min=0), places.mask))
        for number in range(10)
    ]
