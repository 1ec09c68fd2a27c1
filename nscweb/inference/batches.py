"""How many cells go through a network at once, and memory that stays at hand between them."""

from __future__ import annotations

import copy
import ctypes
import platform
from functools import cache

from nscweb.core.card import ModelCard
from nscweb.models.architectures.contract import CellNetwork
from nscweb.models.cost import count_cost

LARGEST_BATCH = 64
# Work of one pass, MFLOP: enough to pay for the call, small enough that its features stay in the cache.
_MFLOP_PER_PASS = 4_000.0
_SMALL_INPUT = 64 * 64
_GPU_MFLOP_PER_PASS = 400_000.0
_GPU_LARGEST_BATCH = 1024
_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -3, -1
_MMAP_BYTES = 32 << 20  # the most that glibc allows
_TRIM_BYTES = 256 << 20


def default_batch(card: ModelCard, network: CellNetwork | None = None, device: str = "cpu") -> int:
    """Cells per pass by the work of one cell: 64 for the default model, 2 for VGG at 224 x 224.

    Args:
        network: counted where the card does not tell its work; without both the size of its input decides.
        device: ``cpu``, or the type of an accelerator, which needs more work per call.
    """
    mflop = card.origin.settings.get("mflop_per_cell")
    if isinstance(mflop, bool) or not isinstance(mflop, int | float) or mflop <= 0:
        if network is None:
            small = card.recipe.resize[0] * card.recipe.resize[1] <= _SMALL_INPUT
            return 32 if small else 4
        mflop = count_cost(copy.deepcopy(network).to("meta"), card.input_shape).mflop
    if device == "cpu":
        return _power_of_two(_MFLOP_PER_PASS / max(mflop, 1e-3), LARGEST_BATCH)
    return _power_of_two(_GPU_MFLOP_PER_PASS / max(mflop, 1e-3), _GPU_LARGEST_BATCH)


def _power_of_two(wanted: float, largest: int) -> int:
    batch = 2
    while batch * 2 <= min(wanted, largest):
        batch *= 2
    return batch


@cache
def keep_freed_memory() -> bool:
    """Tell glibc to keep freed blocks of up to 32 MB at hand; True where that was done. Once per process.

    By default every large feature map is a fresh mapping, whose pages the system clears one by one: for the default
    model that made torch up to three times slower at one thread and batches of 32. At most 256 MB stay unused.
    Other C libraries have no such call and need none.
    """
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES) and mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES))
