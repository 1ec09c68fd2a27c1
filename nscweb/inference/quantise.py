"""Weights and features as whole numbers of 8 bit, with ranges learned from cells.

Processors without VNNI add two products of a feature (0 to 255) and a weight in 16 bit, where weights of full range
overflow without a word: 2 x 255 x 127 is more than 32,767. So weights take 7 of the 8 bit (-64 to 64; 2 x 255 x 64
fits), and the whole numbers are the same on every processor.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from nscweb.core.errors import ModelError
from nscweb.inference.onnx_export import INPUT, MAPS

Floats = NDArray[np.float32]
WEIGHT_BITS = 7
_CALIBRATION_CELLS = 512
_BATCH = 32


def quantised_bytes(data: bytes, calibration: Floats, percentile: float | None = None) -> bytes:
    """An 8-bit form of an ONNX model, in QDQ layout with a scale per channel of the weights.

    The first convolution, which sees the image, and everything after the last features stay in full precision:
    that is little work, and its rounding would move every score.

    Args:
        data: the exact model.
        calibration: prepared inputs (N, C, H, W) whose features give the ranges; the first 512 are used.
        percentile: take the range that holds this share of the values instead of the whole range.

    Raises:
        ModelError: the runtime cannot quantise this network.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    model = onnx.load_model_from_string(data)
    settings: dict[str, Any] = {}
    if percentile is not None:
        settings["calibrate_method"] = CalibrationMethod.Percentile
        settings["extra_options"] = {"CalibPercentile": percentile}
    with tempfile.TemporaryDirectory(prefix="nscweb-int8-") as folder:
        target = Path(folder) / "int8.onnx"
        try:
            with _quietly():
                quantize_static(
                    model,
                    target,
                    _reader(calibration[:_CALIBRATION_CELLS]),
                    quant_format=QuantFormat.QDQ,
                    per_channel=True,
                    activation_type=QuantType.QUInt8,
                    weight_type=QuantType.QInt8,
                    reduce_range=WEIGHT_BITS < 8,
                    nodes_to_exclude=_kept(model),
                    **settings,
                )
            return target.read_bytes()
        except Exception as error:
            raise ModelError(
                f"The network cannot be written in 8 bit: {str(error).splitlines()[0][:200]}.", "", "E-FAST-EXPORT"
            ) from error


def _kept(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes that stay in full precision."""
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    kept = [node.name for node in convolutions[:1]]
    kept += [node.name for node in convolutions if MAPS in node.output]
    return kept + [node.name for node in model.graph.node if node.op_type in ("Gemm", "MatMul", "Softmax")]


def _reader(cells: Floats) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
        """Batches of cells, once."""

        def __init__(self) -> None:
            # Whole batches only: the runtime stacks what it learned from each.
            starts = range(0, len(cells) - _BATCH + 1, _BATCH)
            self.batches = iter([{INPUT: cells[start : start + _BATCH]} for start in starts])

        def get_next(self) -> Any:
            return next(self.batches, None)

    return Reader()


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """The quantiser prints its steps and logs advice; neither is for the user."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
