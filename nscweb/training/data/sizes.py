"""Which input size a network gets for a field of a given shape."""

from __future__ import annotations

from functools import lru_cache

import torch

from nscweb.core.errors import WrongUse
from nscweb.models.architectures import ARCHITECTURES


def input_size_for(architecture: str, field: tuple[int, int] | None = None) -> tuple[int, int]:
    """(H, W) to resize a field to, for `InputRecipe.resize`.

    The longer side is that of the network's own input, and the shape of the field is kept, so that cells are not
    stretched. A network that takes its own size only (a multi-layer perceptron, a vision transformer) gets that one.

    Args:
        architecture: key of ARCHITECTURES.
        field: (height, width) of the field in pixels or micrometres; None where frames are stretched, as papers do.

    Raises:
        WrongUse: there is no such architecture.
    """
    if architecture not in ARCHITECTURES:
        raise WrongUse(
            f"There is no architecture called {architecture!r}.", f"Possible are {', '.join(ARCHITECTURES)}."
        )
    line = ARCHITECTURES[architecture]
    if field is None:
        return line.default_input
    side = max(line.default_input)
    least = line.smallest_input
    scale = side / max(field)
    wanted = (max(least[0], round(field[0] * scale)), max(least[1], round(field[1] * scale)))
    if wanted == line.default_input or not _fits(architecture, wanted):
        return line.default_input
    return wanted


@lru_cache(maxsize=256)
def _fits(architecture: str, size: tuple[int, int]) -> bool:
    """Whether an input of that size passes through; asked of a network without numbers, so it costs little."""
    try:
        with torch.device("meta"), torch.inference_mode():
            network = ARCHITECTURES[architecture].make(1, 2).eval()
            network(torch.zeros(1, 1, *size))
    except (RuntimeError, ValueError, AssertionError, WrongUse):
        return False
    return True
