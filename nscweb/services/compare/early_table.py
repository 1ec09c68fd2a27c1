"""How early, as a small table: one fate in every group at every time point, and what the tests show there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nscweb.services.compare.result import Comparison
from nscweb.words.how_early import sides_over
from nscweb.words.rows import records


@dataclass(frozen=True)
class EarlyCell:
    """A group at a time point.

    Attributes:
        row: columns of `Comparison.groups`.
        side: 1 shown to be higher than the control, -1 lower, 0 not proven, None without a control or a test.
    """

    row: dict[str, Any]
    side: int | None

    @property
    def arrow(self) -> str:
        """The side as a sign; "" where nothing is shown."""
        return {1: "↑", -1: "↓"}.get(self.side or 0, "")


@dataclass(frozen=True)
class EarlyTable:
    """Groups down, time points across.

    Attributes:
        times_h: hours, in order.
        lines: group -> a cell for each time; None where it has no cells then.
        control: group that the arrows are about; "" without one.
    """

    times_h: tuple[float, ...]
    lines: dict[str, tuple[EarlyCell | None, ...]]
    control: str

    @property
    def legend(self) -> str:
        """What arrows mean; "" where there is none."""
        cells = [cell for line in self.lines.values() for cell in line if cell is not None and cell.arrow]
        return f"↑ ↓: shown to be higher or lower than {self.control}" if cells else ""


def early_table(found: Comparison, fate: str, order: Sequence[str]) -> EarlyTable | None:
    """The table of one fate, groups in the order of the answer; None where there is one time point."""
    rows = records(found.groups[(found.groups["class"] == fate).to_numpy(bool)])
    times = sorted({float(row["time_h"]) for row in rows if np.isfinite(row["time_h"])})
    if len(times) < 2:
        return None
    held = {(str(row["group"]), float(row["time_h"])): row for row in rows}
    lines = {}
    for name in order:
        here: dict[float, int | None] = {}
        if found.control and name != found.control:
            sides = sides_over(found.groups, found.tests, fate, name, found.control)
            here = {hours: one.state for hours, one in sides.items()}
        cells = ((held.get((name, hours)), here.get(hours)) for hours in times)
        lines[name] = tuple(None if row is None else EarlyCell(row, side) for row, side in cells)
    return EarlyTable(tuple(times), lines, found.control)
