"""Maps of cells and rims of a field of phase contrast, by the learnt network through ONNX Runtime."""

from __future__ import annotations

import contextlib
import io
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nscweb.inference.onnx_session import open_session, run_session

Floats = NDArray[np.float32]
OPSET = 17
_INPUT, _OUTPUT = "field", "maps"
# Side of a tile and what it shares with its neighbours, at the scale of the network. Far more than a cell, so that no
# cell is judged at the edge of a tile; a wider tile takes gigabytes.
_TILE, _OVERLAP = 512, 64
# Outside these percentiles lie halos and specks, which would make every cell flat.
_LOW, _HIGH = 0.2, 99.8


def phase_contrast_onnx() -> bytes:
    """The network as ONNX, for fields of any size.

    Raises:
        InputRefused, WeightsInvalid: the weights are not there, or other ones.
    """
    import torch

    from nscweb.models.phase_contrast import MULTIPLE, load_phase_contrast

    network = load_phase_contrast()
    buffer: Any = io.BytesIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(1, 1, 16 * MULTIPLE, 12 * MULTIPLE),),
            buffer,
            dynamo=False,
            opset_version=OPSET,
            input_names=[_INPUT],
            output_names=[_OUTPUT],
            dynamic_axes={name: {2: "height", 3: "width"} for name in (_INPUT, _OUTPUT)},
        )
    return bytes(buffer.getvalue())


@lru_cache(maxsize=1)
def _session(path: Path, threads: int) -> Any:
    return open_session(path.read_bytes(), threads)


def maps_of_field(network: Path, pixels: NDArray[Any], scale: float, threads: int = 1) -> Floats:
    """(2, h, w) of a field (H, W) of any depth resized by `scale`: inside of a cell, and rim; 0 to 1.

    Args:
        network: file of `phase_contrast_onnx`.
    """
    session = _session(network, threads)
    low, high = np.percentile(pixels[:: max(1, pixels.shape[0] // 1024)], (_LOW, _HIGH))
    unit = np.clip((pixels.astype(np.float32) - low) / max(float(high - low), 1e-6), 0, 1)
    height, width = (max(8, round(side * scale)) for side in pixels.shape)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = 2 * np.clip(np.asarray(cv2.resize(unit, (width, height), interpolation=method), np.float32), 0, 1) - 1
    maps = np.zeros((2, height, width), np.float32)
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            bottom, right = min(height, top + _TILE), min(width, left + _TILE)
            rows = slice(max(0, top - _OVERLAP), min(height, bottom + _OVERLAP))
            columns = slice(max(0, left - _OVERLAP), min(width, right + _OVERLAP))
            tile = small[rows, columns]
            tall, wide = tile.shape
            padded = np.pad(tile, ((0, -tall % 4), (0, -wide % 4)), mode="edge")
            found = run_session(session, padded[None, None], [_OUTPUT])[_OUTPUT][0, :, :tall, :wide]
            inside = (slice(top - rows.start, bottom - rows.start), slice(left - columns.start, right - columns.start))
            maps[:, top:bottom, left:right] = found[:, inside[0], inside[1]]
    return maps
