"""Random streams named by what they are for, so that no number depends on what else is drawn, or in which order."""

from __future__ import annotations

from zlib import crc32

import numpy as np


def stream(seed: int, *names: object) -> np.random.Generator:
    """A new stream of random numbers for a purpose; the same one for the same seed and names.

    Groups, fates or classes that draw from one stream in turn move one another's numbers: leave one out, and all that
    come after it draw something else. Give each its own name here instead.

    Args:
        seed: of the whole computation, 0 or more.
        names: what is drawn, from the purpose to the single thing, such as ``"sample", "NT3_24h_1"``.
    """
    return np.random.default_rng([seed, crc32(" ".join(map(str, names)).encode())])
