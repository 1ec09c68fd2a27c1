"""ONNX Runtime, opened so that it only computes: on the CPU, without telemetry, files or printed notes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from nscweb.core.errors import WeightsInvalid

Floats = NDArray[np.float32]
_DOMAINS = frozenset({"", "ai.onnx", "com.microsoft"})
_ERRORS_ONLY = 3
_WIDE_SUMS = "session.x64quantprecision"


def open_session(data: bytes, threads: int = 1, *, wide_sums: bool = False) -> Any:
    """A session for a model in memory.

    One thread per session is the rule here: several batches run beside one another in their own threads, which
    uses the cores better than sharing the small layers of one batch.

    Args:
        data: the model.
        threads: of this session.
        wide_sums: for 8-bit models with weights of full range: on processors without VNNI take slower kernels whose
            sums cannot overflow.

    Raises:
        WeightsInvalid: it is no ONNX model, or one that reaches for other files or unknown operators.
    """
    _refuse_strangers(data)
    # Only builds for Windows have telemetry at all.
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    options.enable_profiling = False
    if wide_sums:
        options.add_session_config_entry(_WIDE_SUMS, "1")
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise WeightsInvalid(
            f"The ONNX file of the model cannot be opened: {str(error).splitlines()[0][:200]}."
        ) from error


def run_session(session: Any, inputs: Floats, outputs: Sequence[str]) -> dict[str, Floats]:
    """Outputs by name for prepared inputs (N, C, H, W)."""
    name = session.get_inputs()[0].name
    found = session.run(list(outputs), {name: np.ascontiguousarray(inputs, np.float32)})
    return dict(zip(outputs, found, strict=True))


def runtime_version() -> str:
    """For provenance and for the key of measured speeds."""
    return f"ONNX Runtime {onnxruntime.__version__}"


def _refuse_strangers(data: bytes) -> None:
    """A file from elsewhere must not make the runtime read other files."""
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:
        raise WeightsInvalid("The ONNX file of the model is damaged.") from error
    held = [attribute for node in model.graph.node for attribute in node.attribute]
    tensors = [*model.graph.initializer, *(attribute.t for attribute in held)]
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in tensors):
        raise WeightsInvalid("The ONNX file of the model keeps its numbers in other files; that is not allowed.")
    # A network here is one plain graph; graphs inside of operators would have to be searched as well.
    nested = any(attribute.HasField("g") or len(attribute.graphs) for attribute in held)
    if nested or model.functions or any(node.domain not in _DOMAINS for node in model.graph.node):
        raise WeightsInvalid("The ONNX file of the model uses operators that are not known here.")
