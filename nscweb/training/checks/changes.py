"""The same cell recorded otherwise: other light, frame, focus, scale, depth, camera.

Every change takes an image as stored, (C, h, w) at native depth, and gives one as another recording would have
stored it: rounded and clipped like a camera does. What is known of the light of the image comes along as a
`Recording`; random numbers come from the generator that is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from nscweb.preprocess.pixel_steps import centred_slices, full_scale
from nscweb.training.data.recordings import Array, Float32, Floats, Recording, light_of

# Mean wavelength of the lamp, and half the angle of its cone that the condenser lets through, in radians.
WAVELENGTH_UM = 0.55
LAMP_ANGLE = 0.15
_LARGEST_GAIN = 8.0


def stored(values: Array, like: Array) -> Array:
    """Values as the camera of `like` would have stored them: rounded and clipped to its depth."""
    if like.dtype.kind not in "ui":
        return values.astype(like.dtype)
    return np.clip(np.rint(values), 0, full_scale(like)).astype(like.dtype)


def swapped(image: Array, own: Recording, other: Recording, parts: Sequence[str], rng: np.random.Generator) -> Array:
    """The cell of an image in the light of another recording.

    Args:
        parts: which of ``background`` (level), ``gradient``, ``noise`` and ``contrast`` are taken from `other`.
    """
    signal = image.astype(np.float32) - light_of(own, image.shape[1:])
    noise = own.noise
    if "contrast" in parts:
        gain = np.clip(
            np.divide(other.contrast, own.contrast, out=np.ones_like(noise), where=own.contrast > 0),
            1 / _LARGEST_GAIN,
            _LARGEST_GAIN,
        )
        signal = signal * gain[:, None, None].astype(np.float32)
        noise = noise * gain
    if "noise" in parts:
        signal = _with_noise(signal, noise, other.noise, rng)
    light = replace(
        own,
        level=other.level if "background" in parts else own.level,
        slope_x=other.slope_x if "gradient" in parts else own.slope_x,
        slope_y=other.slope_y if "gradient" in parts else own.slope_y,
    )
    return stored(signal + light_of(light, image.shape[1:]), image)


def reframed(image: Array, own: Recording, size: tuple[int, int], rng: np.random.Generator) -> Array:
    """The image in a frame of another size: what is added looks like the background around it, noise included.

    What is cut off never holds a part of the cell: the frame stays as large as the cell needs.
    """
    least = [min(have, 2 * reach + 7) for have, reach in zip(image.shape[1:], own.reach, strict=True)]
    height, width = (max(want, need) for want, need in zip(size, least, strict=True))
    result = light_of(own, (height, width))
    result += rng.standard_normal(result.shape, np.float32) * own.noise[:, None, None].astype(np.float32)
    target = stored(result, image)
    from_y, to_y = centred_slices(image.shape[1], height)
    from_x, to_x = centred_slices(image.shape[2], width)
    target[:, to_y, to_x] = image[:, from_y, from_x]
    return target


def blurred(image: Array, sigma_px: float) -> Array:
    """Gaussian blur of a width in pixels."""
    return _planes(image, lambda plane: cv2.GaussianBlur(plane, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT_101))


def defocused(image: Array, distance_um: float, pixel_um: float) -> Array:
    """The image at a distance from focus, after the wave optics of weak objects in partly coherent light.

    Spatial frequencies f are scaled by cos(pi lambda z f^2) exp(-(pi alpha z f)^2): contrast of fine detail is lost
    and comes back inverted, which makes the rings of a defocused cell (transfer of amplitude contrast, with the
    envelope of an extended source: Frank 1973, Optik 38, 519). Aberrations are left out.

    Args:
        distance_um: z. pixel_um: micrometres per pixel.
    """
    pad = 12

    def change(plane: Float32) -> Float32:
        wide = cv2.copyMakeBorder(plane, pad, pad, pad, pad, cv2.BORDER_REFLECT_101)
        down = np.fft.fftfreq(wide.shape[0], pixel_um)[:, None]
        along = np.fft.rfftfreq(wide.shape[1], pixel_um)[None, :]
        square = down**2 + along**2
        transfer = np.cos(np.pi * WAVELENGTH_UM * distance_um * square)
        transfer *= np.exp(-((np.pi * LAMP_ANGLE * distance_um) ** 2) * square)
        seen = np.fft.irfft2(np.fft.rfft2(wide) * transfer, wide.shape)
        return np.asarray(seen[pad:-pad, pad:-pad], np.float32)

    return _planes(image, change)


def noisier(image: Array, own: Recording, share: float, rng: np.random.Generator) -> Array:
    """Gaussian noise on top, its deviation a share of the contrast of the cell."""
    deviation = (share * own.contrast)[:, None, None].astype(np.float32)
    return stored(image + rng.standard_normal(image.shape, np.float32) * deviation, image)


def sloped(image: Array, own: Recording, share: float, rng: np.random.Generator) -> Array:
    """Light that rises across the frame in a random direction, edge to edge by a share of the contrast."""
    turn = rng.uniform(0, 2 * np.pi)
    zero = np.zeros_like(own.level)
    ramp = replace(
        own, level=zero, slope_x=share * own.contrast * np.cos(turn), slope_y=share * own.contrast * np.sin(turn)
    )
    return stored(image + light_of(ramp, image.shape[1:]), image)


def brighter(image: Array, factor: float) -> Array:
    """A lamp that is brighter or darker by a factor: level and contrast go together."""
    return stored(image * np.float64(factor), image)


def contrasted(image: Array, own: Recording, factor: float) -> Array:
    """The cell with more or less contrast around the same light."""
    light = light_of(own, image.shape[1:])
    return stored(light + (image - light) * np.float32(factor), image)


def turned(image: Array, degrees: float = 0.0, scale: float = 1.0) -> Array:
    """Rotated and enlarged about the middle; what comes in at the edges is mirrored."""
    height, width = image.shape[1:]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, scale)
    return _planes(
        image,
        lambda plane: cv2.warpAffine(
            plane, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        ),
    )


def shallower(image: Array, bits: int) -> Array:
    """The image digitised to fewer bits; kept in 8-bit numbers when they suffice."""
    top = full_scale(image)
    levels = float(2**bits - 1)
    coarse = np.rint(np.clip(image / top, 0, 1) * levels)
    if bits <= 8 and top > 255:
        return np.rint(coarse * (255 / levels)).astype(np.uint8)
    return np.asarray(coarse * (top / levels) if image.dtype.kind == "f" else np.rint(coarse * (top / levels))).astype(
        image.dtype
    )


def compressed(image: Array, quality: int) -> Array:
    """Each channel through 8-bit JPEG of that quality (0 to 100), stretched to its own range first."""

    def change(plane: Float32) -> Float32:
        low, high = float(plane.min()), float(plane.max())
        if not high > low:
            return plane
        packed = np.rint(255 * (plane - low) / (high - low)).astype(np.uint8)
        _, data = cv2.imencode(".jpg", packed, [cv2.IMWRITE_JPEG_QUALITY, quality])
        back = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
        return np.asarray(np.asarray(back, np.float32) / 255 * (high - low) + low, np.float32)

    return _planes(image, change)


@dataclass(frozen=True)
class Camera:
    """What another instrument would store: values of `nscweb.simulation.camera.PROFILES` and their light."""

    scale: float
    level: float
    contrast: float
    noise: float
    dtype: type[np.unsignedinteger]
    top: int


def on_camera(image: Array, own: Recording, camera: Camera, rng: np.random.Generator, back: bool) -> Array:
    """The cell as another instrument would store it: its pixels, light, noise and depth.

    Detail that the first instrument has lost does not come back, so finer pixels are only larger images.

    Args:
        camera: `scale` is new pixels per old pixel.
        back: resample the result to the old pixel size, as a careful user would.
    """
    signal = image.astype(np.float32) - light_of(own, image.shape[1:])
    signal *= np.divide(camera.contrast, own.contrast, out=np.ones_like(own.noise), where=own.contrast > 0)[
        :, None, None
    ].astype(np.float32)
    larger = _resampled(signal, camera.scale)
    seen = larger + rng.standard_normal(larger.shape, np.float32) * np.float32(camera.noise * camera.contrast)
    pixels = np.clip(np.rint(seen + camera.level), 0, camera.top)
    if back:
        pixels = np.clip(np.rint(_resampled(pixels.astype(np.float32), 1 / camera.scale)), 0, camera.top)
    return pixels.astype(camera.dtype)


def _resampled(planes: Float32, scale: float) -> Float32:
    height, width = (max(4, round(length * scale)) for length in planes.shape[1:])
    method = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    return np.stack([cv2.resize(plane, (width, height), interpolation=method) for plane in planes])


def _planes(image: Array, change: Callable[[Float32], Any]) -> Array:
    return stored(np.stack([change(plane) for plane in image.astype(np.float32)]), image)


def _with_noise(signal: Float32, own: Floats, wanted: Floats, rng: np.random.Generator) -> Float32:
    """More noise is added; less is had by smoothing what is not an edge."""
    result = signal.copy()
    for plane, have, want in zip(result, own, wanted, strict=True):
        if want > have:
            plane += rng.standard_normal(plane.shape, np.float32) * np.float32(np.sqrt(want**2 - have**2))
        elif have > 0 and want < have:
            smooth = cv2.bilateralFilter(np.ascontiguousarray(plane), 5, 3 * float(have), 1.5)
            plane[:] = smooth + (plane - smooth) * np.float32(want / have)
    return result
