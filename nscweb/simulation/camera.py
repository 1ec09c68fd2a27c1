"""The instrument: illumination, defocus, stripes, noise, depth and frame of a simulated camera."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]


@dataclass(frozen=True)
class Profile:
    """An instrument.

    Attributes:
        name: ``flowsight`` or ``imagestream``.
        canvas: side of the square that cells are drawn on, pixels.
        scale: pixels per trait unit.
        widths, heights: inclusive range of frame sizes, pixels.
        dtype: of the stored pixels.
        top: highest value the camera gives.
        pixel_size_um: micrometres per pixel.
        blur: width of the optical blur in pixels at a defocus of 1.
        noise: lowest and highest noise of an acquisition, relative to its contrast.
    """

    name: str
    canvas: int
    scale: float
    widths: tuple[int, int]
    heights: tuple[int, int]
    dtype: type[np.unsignedinteger]
    top: int
    pixel_size_um: float
    blur: float
    noise: tuple[float, float]


PROFILES: dict[str, Profile] = {
    "flowsight": Profile("flowsight", 60, 1.0, (60, 60), (37, 57), np.uint8, 255, 1.0, 1.0, (0.03, 0.06)),
    "imagestream": Profile("imagestream", 126, 2.3, (58, 114), (69, 125), np.uint16, 4095, 0.33, 0.45, (0.02, 0.04)),
}


@dataclass(frozen=True)
class Illumination:
    """Light of one acquisition: level, contrast (both grey values), the rest relative to contrast."""

    level: float
    contrast: float
    gradient: float
    stripes: float
    noise: float
    defocus: float


def draw_illumination(rng: np.random.Generator, profile: Profile, bright: bool | None = None) -> Illumination:
    """Light of one acquisition; `bright` None draws one of the two settings seen in real sets.

    Real FlowSight images have backgrounds of about 101 with weak and 151 with strong contrast;
    ImageStream ones about 791 of 4095.
    """
    if bright is None:
        bright = bool(rng.uniform() < 0.5)
    if profile.name == "imagestream":
        level, contrast = rng.normal(793, 6), rng.uniform(70, 115)
    elif bright:
        level, contrast = rng.normal(151, 1.2), float(np.exp(rng.normal(np.log(27), 0.16)))
    else:
        level, contrast = rng.normal(101, 0.8), float(np.exp(rng.normal(np.log(9.0), 0.16)))
    return Illumination(
        float(level),
        float(contrast),
        float(rng.uniform(0.0, 0.035)),
        float(rng.uniform(0.0, 0.045)),
        float(rng.uniform(*profile.noise)),
        float(rng.uniform(0.45, 0.8)),
    )


def expose(rng: np.random.Generator, light: Float, illumination: Illumination, profile: Profile) -> NDArray[np.generic]:
    """Relative brightness (N, S, S) to stored pixels (N, S, S) of the camera."""
    count, size = light.shape[0], light.shape[1]
    blur = illumination.defocus * profile.blur * np.exp(rng.normal(0, 0.22, count))
    seen = np.empty_like(light)
    for i in range(count):
        seen[i] = cv2.GaussianBlur(light[i], (0, 0), float(blur[i]))
    gain = illumination.contrast * np.exp(rng.normal(0, 0.25, count)).astype(np.float32)
    ramp = np.linspace(-1, 1, size, dtype=np.float32)
    tilt = rng.normal(0, illumination.gradient, (2, count)).astype(np.float32)
    seen += tilt[0][:, None, None] * ramp[None, :, None] + tilt[1][:, None, None] * ramp[None, None, :]
    seen += (rng.normal(0, illumination.stripes, (count, 1, size))).astype(np.float32)
    seen += (rng.normal(0, illumination.stripes * 0.6, (count, size, 1))).astype(np.float32)
    seen += rng.standard_normal(light.shape, np.float32) * np.float32(illumination.noise)
    level = np.float32(illumination.level + rng.normal(0, 0.004 * illumination.level))
    pixels = level + gain[:, None, None] * seen
    stored: NDArray[np.generic] = np.clip(np.rint(pixels), 0, profile.top).astype(profile.dtype)
    return stored
