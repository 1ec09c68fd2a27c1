"""Which objects a population of a `.daf` holds, as far as lists and ranges of object numbers tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Objects = NDArray[np.int64]

MOST_LISTED = 5_000_000
_NUMBER = "Object Number"
_DEPTH = 60
_MOST_WORDS = 2_000
# Object numbers that combinations may go through, for files that are made to be slow.
_MOST_WORK = 50_000_000


@dataclass
class Pop:
    """A population as the XML has it; kind B all, T listed, C combined, G gated."""

    kind: str
    base: str
    region: str
    features: tuple[str, str]
    definition: str
    listed: list[int] = field(default_factory=list)


@dataclass
class Region:
    """The shape of a gate."""

    kind: str
    linear: bool
    x: list[float] = field(default_factory=list)


class Solver:
    """Objects of populations, as far as numbers of objects tell them."""

    def __init__(self, count: int | None, pops: Mapping[str, Pop], regions: Mapping[str, Region]) -> None:
        self._count, self._pops, self._regions = count, pops, regions
        self._solved: dict[str, Objects | None] = {}
        self._work = _MOST_WORK
        self.depth = 0

    def objects(self, name: str) -> Objects | None:
        """Sorted object numbers; None for a gate over features, a circle, or a population that is not there."""
        pop = self._pops.get(name)
        if name in self._solved or pop is None or self.depth > _DEPTH:
            return self._solved.get(name)
        self._solved[name] = None  # what leads back here is a circle
        self.depth += 1
        result = self._of(pop) if self._work > 0 else None
        self.depth -= 1
        self._work -= 0 if result is None else len(result)
        self._solved[name] = result
        return result

    def spend(self, objects: Objects) -> Objects | None:
        """The objects, unless a file made to be slow asks for too many."""
        self._work -= len(objects)
        return objects if self._work > 0 else None

    def _all(self) -> Objects | None:
        if self._count is None or self._count > MOST_LISTED:
            return None
        return np.arange(self._count, dtype=np.int64)

    def _of(self, pop: Pop) -> Objects | None:
        if pop.kind == "B":
            return self._all()
        if pop.kind == "T":
            return np.unique(np.array(pop.listed, np.int64))
        if pop.kind == "C":
            return _Words(pop.definition, self).solve(self._all())
        region = self._regions.get(pop.region)
        if pop.kind != "G" or region is None or pop.features != (_NUMBER, ""):
            return None
        base = self.objects(pop.base) if pop.base else self._all()
        if base is None or region.kind != "line" or not region.linear or len(region.x) != 2:
            return None
        low, high = sorted(region.x)
        return base[(base >= low) & (base <= high)] if np.isfinite([low, high]).all() else None


class _Words:
    """A combination such as ``A|And|Not|(|B|Or|C|)``: Not before And before Or, as IDEAS reads it."""

    def __init__(self, definition: str, solver: Solver) -> None:
        self._words = definition.split("|")[:_MOST_WORDS] if definition else []
        self._solver, self._everything = solver, np.zeros(0, np.int64)
        self._place = 0

    def solve(self, everything: Objects | None) -> Objects | None:
        if everything is None:
            return None
        self._everything = everything
        result = self._or()
        return result if self._place == len(self._words) else None

    def _take(self, *words: str) -> bool:
        hit = self._place < len(self._words) and self._words[self._place] in words
        self._place += hit
        return hit

    def _or(self) -> Objects | None:
        result = self._and()
        while self._take("Or"):
            other = self._and()
            result = (
                None if result is None or other is None else self._solver.spend(np.union1d(result, other))
            )
        return result

    def _and(self) -> Objects | None:
        result = self._not()
        while self._take("And"):
            other = self._not()
            result = (
                None if result is None or other is None else self._solver.spend(np.intersect1d(result, other))
            )
        return result

    def _not(self) -> Objects | None:
        turned = False
        while self._take("Not"):
            turned = not turned
        self._solver.depth += 1
        if self._take("("):
            result = self._or() if self._solver.depth < _DEPTH else None
            result = result if self._take(")") else None
        else:
            word = self._words[self._place] if self._place < len(self._words) else ""
            self._place += 1
            result = self._solver.objects(word)
        self._solver.depth -= 1
        if not turned or result is None:
            return result
        return self._solver.spend(np.setdiff1d(self._everything, result))
