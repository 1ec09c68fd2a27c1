"""How far a simulated rate may lie from the true one by chance: the band follows from the number of trials."""

from __future__ import annotations

from dataclasses import dataclass

# A right rate leaves its band this often at each end. Seeds are fixed: what is inside stays there until the code
# changes, and then an error shows as early as the number of trials allows.
CHANCE = 0.05


@dataclass(frozen=True)
class Simulations:
    """How often a simulation is repeated, and what its outcome may be.

    Attributes:
        full: all trials; otherwise a fifth of them, for a quick run of the tests.
    """

    full: bool

    def of(self, trials: int) -> int:
        """The number to run of so many; the first of them, so that a fifth sees the same draws."""
        return trials if self.full else max(1, trials // 5)


def chance_band(trials: int, least: float, most: float | None = None) -> tuple[float, float]:
    """Lowest and highest share that independent trials may show, when their true rate is in `least` to `most`."""
    from scipy.stats import binom  # the conftest imports this file, and must set the number of threads before

    most = least if most is None else most
    low, high = binom.ppf(CHANCE, trials, least) / trials, binom.isf(CHANCE, trials, most) / trials
    return float(low), float(high)
