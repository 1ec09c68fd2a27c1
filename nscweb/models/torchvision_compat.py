"""Makes ``import torchvision`` work beside a CPU build of torch.

The torchvision wheel on PyPI is built against CUDA on Linux. Beside a CPU-only torch its compiled operators
do not load, and the import fails with "operator torchvision::nms does not exist", because one of its
modules registers a shape function for an operator that is then missing. Nothing here uses those operators
(they are for object detection), so it is enough that their names exist. They are defined only when that
very error occurs.
"""

from __future__ import annotations

import importlib
import sys

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
# A torch.library is undone when it is collected, so it must live as long as the program.
_defined: list[torch.library.Library] = []


def ensure_torchvision() -> None:
    """Import torchvision, defining the missing operator names first where that is what stops it.

    Raises:
        ImportError, RuntimeError: for any other reason why torchvision does not import.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error) or _defined:
            raise
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        # Torch gives it no types.
        library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        for schema in _SCHEMAS:
            library.define(schema)  # type: ignore[no-untyped-call]  # torch gives it no types
        _defined.append(library)
        importlib.import_module("torchvision")
