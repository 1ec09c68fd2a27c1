"""Quality gates of a study: read, previewed, set, and what they leave of its cells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.gates import Gates
from nscweb.core.progress import Progress, no_progress

if TYPE_CHECKING:
    from nscweb.services.context import App


@dataclass(frozen=True)
class GateInfo:
    """One gate as a page shows it.

    Attributes:
        name: of the gate and of the flag that it sets (`core.flags`).
        label: two or three words, what passes.
        help: one sentence.
        feature: column that the histogram shows.
        unit: of feature and limits, "" for plain numbers.
        low, high: names of the fields of `Gates` with the lower and the upper limit, "" when there is none.
        slider: smallest value, largest value and step of the slider; the upper end of sizes comes from the data.
    """

    name: str
    label: str
    help: str
    feature: str
    unit: str
    low: str
    high: str
    slider: tuple[float, float, float]


@dataclass(frozen=True)
class ExampleCell:
    """A cell near a limit: sample, row in its files, value of the feature, and its picture (h, w) uint8."""

    sample: str
    row: int
    value: float
    image: NDArray[np.uint8] = field(repr=False)


@dataclass(frozen=True)
class GatePreview:
    """What one gate would do.

    Attributes:
        gate: the gate.
        edges: (B + 1,) edges of the histogram; empty for populations.
        kept, left_out: (B,) cells per bin that this gate keeps and leaves out.
        names: names of the bins instead of edges: populations and "in none".
        low, high: limits in `unit`, None where there is none.
        unit: of edges and limits.
        n_in, n_out: cells kept and left out by this gate alone.
        inside, outside: example cells on both sides of the limit, nearest first.
        unmeasured: cells without this number, because they were imported by an older version.
    """

    gate: GateInfo
    edges: NDArray[np.float64]
    kept: NDArray[np.int64]
    left_out: NDArray[np.int64]
    names: tuple[str, ...]
    low: float | None
    high: float | None
    unit: str
    n_in: int
    n_out: int
    inside: tuple[ExampleCell, ...]
    outside: tuple[ExampleCell, ...]
    unmeasured: int = 0


def gate_list(app: App, study: str) -> tuple[GateInfo, ...]:
    """The gates of a study in the order of the funnel, with sliders that fit its cells."""
    raise NotImplementedError


def get_gates(app: App, study: str) -> Gates:
    """The gates of a study (name or id); the defaults when nobody set any."""
    raise NotImplementedError


def set_gates(app: App, study: str, gates: Gates, progress: Progress = no_progress) -> None:
    """Store the gates with the study and flag all its cells anew; finished runs stay as they are."""
    raise NotImplementedError


def preview(
    app: App, study: str, sample: str | None, gate: str, gates: Gates, examples: int = 6
) -> GatePreview:
    """What one gate of `gates` would do to a sample (None: to all of them), without storing anything."""
    raise NotImplementedError


def funnel(app: App, study: str, gates: Gates | None = None) -> pd.DataFrame:
    """One row per sample: ``sample``, ``imported``, then per flag left out in order (its name) and by it alone
    (``<name>_alone``), ``kept``, ``kept_percent``. `gates` other than None are tried, not stored."""
    raise NotImplementedError


def populations_of(app: App, study: str) -> dict[str, int]:
    """Hand-made populations of a study -> cells in them."""
    raise NotImplementedError
