"""Gates: limits and drawn regions that say which cells of a study are left out of the statistics, and why."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from math import isfinite
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nscweb.core.columns import label
from nscweb.core.errors import WrongUse

# Every gate sets the flag of its name (core.flags), in the order of the funnel. "constant" has no limit to set.
GATE_NAMES: tuple[str, ...] = (
    *("empty", "several", "border", "blurred", "saturated", "size", "shape", "population", "drawn"),
)
Corner = tuple[float, float]
# What a drawn gate does to the statistics: keeps the cells inside it, or those outside, or only names them.
Use = Literal["inside", "outside", "name"]
USES: dict[Use, str] = {
    "inside": "keep the cells inside",
    "outside": "leave the cells inside out",
    "name": "only name the cells inside",
}
LONGEST_NAME = 60
_MOST_CORNERS = 2000
_CONSTANT = "constant"
_PLAIN = {
    "empty": "empty",
    "several": "several cells",
    "border": "cut by the frame",
    "blurred": "out of focus",
    "saturated": "saturated",
}


@dataclass(frozen=True)
class Range:
    """A gate that is a lower and an upper limit of one measured number, both off unless they are set.

    Attributes:
        gate: its name. feature: column of `FEATURE_NAMES` that it looks at. low, high: fields of `Gates`.
        word: the number in a sentence. unit: of the limits in a short text, with a blank before it; "" for none.
        area: the limits are areas in pixels, which sentences give in square micrometres where the size is known.
    """

    gate: str
    feature: str
    low: str
    high: str
    word: str
    unit: str = ""
    area: bool = False


RANGES: dict[str, Range] = {
    item.gate: item
    for item in (
        Range("size", "area_px", "area_low", "area_high", "area", " px", area=True),
        Range("shape", "aspect_ratio", "aspect_low", "aspect_high", "aspect ratio"),
    )
}


def inside(x: ArrayLike, y: ArrayLike, corners: Sequence[Corner]) -> NDArray[np.bool_]:
    """(N,) whether points lie inside a polygon, by the even-odd rule; a point that is not a number lies outside.

    Args:
        x, y: (N,) coordinates.
        corners: of the polygon in order, three at least; the last is joined to the first.
    """
    known = np.isfinite(np.asarray(x, np.float64)) & np.isfinite(np.asarray(y, np.float64))
    across, up = np.where(known, x, np.nan), np.where(known, y, np.nan)
    hit = np.zeros(len(across), bool)
    px, py = corners[-1]
    for qx, qy in corners:
        if qy != py:
            crosses = (qy > up) != (py > up)
            hit ^= crosses & (across < (px - qx) * (up - qy) / (py - qy) + qx)
        px, py = qx, qy
    return hit & known


def box(x: tuple[float, float], y: tuple[float, float]) -> tuple[Corner, ...]:
    """Corners of a box from two limits of x and two of y, in any order."""
    (left, right), (low, high) = sorted(x), sorted(y)
    return ((left, low), (right, low), (right, high), (left, high))


@dataclass(frozen=True)
class Region:
    """A gate that is drawn over two numbers. Hashable.

    Attributes:
        name: what somebody called it; a population of this name holds the cells inside.
        x, y: columns of the two numbers (`services.study.drawn.axes.axes_of`).
        corners: of the polygon in order, in the units of the columns.
        use: what becomes of the cells in the statistics, a key of `USES`.
    """

    name: str
    x: str
    y: str
    corners: tuple[Corner, ...]
    use: Use = "name"

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > LONGEST_NAME or not self.name.isprintable():
            raise WrongUse(f"A drawn gate needs a name of 1 to {LONGEST_NAME} letters, not {self.name[:80]!r}.")
        if self.use not in USES:
            raise WrongUse(f"A drawn gate cannot be used as {self.use!r}.", f"Use one of: {', '.join(USES)}.")
        if not 3 <= len(self.corners) <= _MOST_CORNERS:
            raise WrongUse(f"The drawn gate {self.name} has {len(self.corners)} corners; 3 to {_MOST_CORNERS} work.")
        if not all(isfinite(value) for corner in self.corners for value in corner):
            raise WrongUse(f"The drawn gate {self.name} has a corner that is not a number.")

    def holds(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        """(N,) whether cells with these two numbers lie inside."""
        return inside(x, y, self.corners)


@dataclass(frozen=True)
class Gates:
    """Limits of one study. Hashable; a limit of None is not set.

    Attributes:
        focus: lowest focus as a share of the median of the sample.
        focus_floor: lowest focus whatever the rest of the sample looks like.
        border: highest share of the frame's outermost pixels that the cell may cover.
        saturated: highest share of pixels at black or white.
        signal: lowest contrast in units of the noise.
        objects: most objects of cell size in a frame.
        area_low, area_high: limits of the area, pixels.
        aspect_low, aspect_high: limits of the aspect ratio (minor / major axis), 0..1.
        populations: only cells in one of these hand-made populations are kept; empty keeps all.
        off: names of gates (`GATE_NAMES`) that are switched off.
        regions: gates that were drawn over two numbers, each with its name and what becomes of its cells.
        pixel_size_um: with this size the areas were entered in square micrometres; only a note for sentences.
    """

    focus: float = 0.45
    focus_floor: float = 0.12
    border: float = 0.06
    saturated: float = 0.02
    signal: float = 2.0
    objects: int = 1
    area_low: float | None = None
    area_high: float | None = None
    aspect_low: float | None = None
    aspect_high: float | None = None
    populations: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    regions: tuple[Region, ...] = ()
    pixel_size_um: float | None = None

    def __post_init__(self) -> None:
        for name in ("focus", "focus_floor", "border", "saturated", "signal", "objects"):
            _check_number(name, getattr(self, name))
        for item in RANGES.values():
            bottom, top = self.limits_of(item)
            for name, value in ((item.low, bottom), (item.high, top)):
                if value is not None:
                    _check_number(name, value)
            if bottom is not None and top is not None and bottom > top:
                raise WrongUse(f"{item.low} ({bottom:g}) is above {item.high} ({top:g}), so no cell could be kept.")
        names = [region.name for region in self.regions]
        for name in names:
            if names.count(name) > 1:
                raise WrongUse(f"There are two drawn gates called {name}.", "Give each a name of its own.")
        for name in self.off:
            if name not in GATE_NAMES:
                raise WrongUse(f"There is no gate {name!r}.", f"There are: {', '.join(GATE_NAMES)}.")

    def limits_of(self, item: Range) -> tuple[float | None, float | None]:
        """Lower and upper limit of a gate that has both; None where it is not set."""
        return getattr(self, item.low), getattr(self, item.high)

    def on(self, gate: str) -> bool:
        """True when a gate leaves cells out: it is not switched off and has a limit."""
        if gate in self.off:
            return False
        if gate in RANGES:
            return self.limits_of(RANGES[gate]) != (None, None)
        if gate == "drawn":
            return bool(self.regions_in_force)
        return gate != "population" or bool(self.populations)

    @property
    def regions_in_force(self) -> tuple[Region, ...]:
        """Drawn gates that leave cells out; the others only name theirs."""
        return tuple(region for region in self.regions if region.use != "name")

    def changed(self, **values: Any) -> Gates:
        """A copy with other limits. WrongUse for a limit that does not exist or makes no sense."""
        known = {item.name for item in fields(self)}
        for name in values:
            if name not in known:
                raise WrongUse(f"There is no limit {name!r}.", f"There are: {', '.join(sorted(known))}.")
        return replace(self, **values)

    def switched(self, gate: str, on: bool) -> Gates:
        """A copy with one gate switched on or off."""
        off = tuple(name for name in GATE_NAMES if (name in self.off and name != gate) or (name == gate and not on))
        return replace(self, off=off)

    def reset(self) -> Gates:
        """The default limits; drawn gates stay, but only name their cells."""
        return Gates(regions=tuple(replace(region, use="name") for region in self.regions))

    def digest(self) -> str:
        """Short digest; the same for gates that leave out the same cells."""
        said: dict[str, Any] = {name: limits for name, limits in self._limits().items() if self.on(name)}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode("utf-8")).hexdigest()[:16]

    def sentence(self, only: Collection[str] | None = None) -> str:
        """The gates in plain words, for pages and every export.

        Args:
            only: flags that take a cell out here; None: all of them.
        """
        asked = (*GATE_NAMES, _CONSTANT) if only is None else only
        said = ["no signal at all"] * (_CONSTANT in asked)
        said += [self._said(name) for name in GATE_NAMES if self.on(name) and name in asked]
        text = f"Left out: {', '.join(said)}." if said else "No cell is left out for its quality."
        off = [_PLAIN[name] for name in GATE_NAMES if name in self.off and name in _PLAIN and name in asked]
        return f"{text} Switched off: {', '.join(off)}." if off else text

    def brief(self, only: Collection[str] | None = None) -> str:
        """The limits as one short text, for tables with a line per cell; `only` as in `sentence`."""
        asked = GATE_NAMES if only is None else only
        said = {
            "empty": f"contrast >= {self.signal:g} noise",
            "several": f"objects <= {self.objects:d}",
            "border": f"border <= {_percent(self.border)}",
            "blurred": f"focus >= {_percent(self.focus)}",
            "saturated": f"saturated <= {_percent(self.saturated)}",
            **{name: f"{item.word} {_between(*self.limits_of(item))}{item.unit}" for name, item in RANGES.items()},
            "population": f"in {', '.join(self.populations)}",
            "drawn": ", ".join(
                f"{'in' if region.use == 'inside' else 'not in'} {region.name} ({region.x} against {region.y})"
                for region in self.regions_in_force
            ),
        }
        return "; ".join(said[name] for name in GATE_NAMES if self.on(name) and name in asked) or "none"

    def _limits(self) -> dict[str, list[Any]]:
        return {
            "empty": [float(self.signal)],
            "several": [int(self.objects)],
            "border": [float(self.border)],
            "blurred": [float(self.focus), float(self.focus_floor)],
            "saturated": [float(self.saturated)],
            **{name: [_float(limit) for limit in self.limits_of(item)] for name, item in RANGES.items()},
            "population": sorted(set(self.populations)),
            # What a region is called leaves out no cell.
            "drawn": sorted(
                [region.x, region.y, [list(map(float, corner)) for corner in region.corners], region.use]
                for region in self.regions_in_force
            ),
        }

    def _said(self, gate: str) -> str:
        if gate == "empty":
            return f"empty (contrast below {self.signal:g} times the noise)"
        if gate == "several":
            return f"several cells (more than {self.objects:d} in the frame)"
        if gate == "border":
            return f"cut by the frame (more than {_percent(self.border)} of its border covered)"
        if gate == "blurred":
            return (
                f"out of focus (below {_percent(self.focus)} of the sample's median focus, or below "
                f"{self.focus_floor:g})"
            )
        if gate == "saturated":
            return f"saturated (more than {_percent(self.saturated)} of the pixels)"
        if gate in RANGES:
            item = RANGES[gate]
            low, high = (self._area(limit) if item.area else _number(limit) for limit in self.limits_of(item))
            return f"{item.word} {_outside(low, high)}"
        if gate == "drawn":
            return ", ".join(
                f"{'outside' if region.use == 'inside' else 'inside'} the drawn gate {region.name} "
                f"({_axis(region.x)} against {_axis(region.y)})"
                for region in self.regions_in_force
            )
        return f"in none of the populations {', '.join(self.populations)}"

    def _area(self, area: float | None) -> str:
        if area is None:
            return ""
        if self.pixel_size_um is None:
            return f"{area:g} pixels"
        return f"{area * self.pixel_size_um**2:.4g} µm² ({area:.4g} pixels)"


def _axis(name: str) -> str:
    return label(name).lower() if label(name) != name else name


def _number(limit: float | None) -> str:
    return "" if limit is None else f"{limit:g}"


def _outside(low: str, high: str) -> str:
    return " or ".join([f"below {low}"] * bool(low) + [f"above {high}"] * bool(high))


def _between(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    return f">= {low:g}" if low is not None else f"<= {high:g}" if high is not None else ""


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)


def _check_number(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value) or value < 0:
        raise WrongUse(f"The limit {name} is a number of 0 or more, not {value!r}.")
    if name == "objects" and (value != int(value) or value < 1):
        raise WrongUse(f"The limit objects is a whole number of 1 or more, not {value!r}.")


DEFAULT_GATES = Gates()
