"""Which objects a population of a `.daf` holds, as far as lists and ranges of object numbers tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Objects = NDArray[np.int64]
Members = NDArray[np.bool_]

MOST_LISTED = 5_000_000
_NUMBER = "Object Number"
_DEPTH = 60
_MOST_WORDS = 2_000
# Objects in all sets that are made, for files that are made to be slow.
_MOST_WORK = 200_000_000


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
    """Objects of populations, as far as numbers of objects tell them; inside, a set is a bool for every object."""

    def __init__(self, count: int | None, pops: Mapping[str, Pop], regions: Mapping[str, Region]) -> None:
        listed = max((number for pop in pops.values() for number in pop.listed), default=-1) + 1
        self._whole = count is not None and count <= MOST_LISTED
        self._size = count if count is not None and self._whole else min(listed, MOST_LISTED)
        self._pops, self._regions = pops, regions
        self._solved: dict[str, Members | None] = {}
        self._work = _MOST_WORK
        self.depth = 0

    def objects(self, name: str) -> Objects | None:
        """Sorted object numbers; None for a gate over features, a circle, or a population that is not there."""
        members = self.members(name)
        return None if members is None else np.flatnonzero(members)

    def members(self, name: str) -> Members | None:
        """(objects,) of bool, None when it cannot be known."""
        pop = self._pops.get(name)
        if name in self._solved or pop is None or self.depth > _DEPTH:
            return self._solved.get(name)
        self._solved[name] = None  # what leads back here is a circle
        self.depth += 1
        result = self._of(pop)
        self.depth -= 1
        self._solved[name] = result if self.spend() else None
        return self._solved[name]

    def spend(self) -> bool:
        """Count a set that is made; False when a file asks for too many."""
        self._work -= self._size
        return self._work > 0

    def joined(self, how: np.ufunc, one: Members | None, other: Members | None) -> Members | None:
        """Two sets by ``logical_and`` or ``logical_or``, None when one is not known."""
        if one is None or other is None or not self.spend():
            return None
        result: Members = how(one, other)
        return result

    def all(self) -> Members | None:
        """Every object, None when their number is not known."""
        return np.ones(self._size, bool) if self._whole and self.spend() else None

    def _of(self, pop: Pop) -> Members | None:
        if pop.kind == "B":
            return self.all()
        if pop.kind == "T":
            members = np.zeros(self._size, bool)
            members[[number for number in pop.listed if number < self._size]] = True
            return members
        if pop.kind == "C":
            return _Words(pop.definition, self).solve()
        region = self._regions.get(pop.region)
        if pop.kind != "G" or region is None or pop.features != (_NUMBER, ""):
            return None
        base = self.members(pop.base) if pop.base else self.all()
        if base is None or region.kind != "line" or not region.linear or len(region.x) != 2:
            return None
        low, high = sorted(region.x)
        if not np.isfinite([low, high]).all():
            return None
        numbers = np.arange(self._size)
        return base & (numbers >= low) & (numbers <= high)


class _Words:
    """A combination such as ``A|And|Not|(|B|Or|C|)``: Not before And before Or."""

    def __init__(self, definition: str, solver: Solver) -> None:
        self._words = definition.split("|")[:_MOST_WORDS] if definition else []
        self._solver, self._place = solver, 0

    def solve(self) -> Members | None:
        result = self._or()
        return result if self._place == len(self._words) else None

    def _take(self, *words: str) -> bool:
        hit = self._place < len(self._words) and self._words[self._place] in words
        self._place += hit
        return hit

    def _or(self) -> Members | None:
        result = self._and()
        while self._take("Or"):
            other = self._and()
            result = self._solver.joined(np.logical_or, result, other)
        return result

    def _and(self) -> Members | None:
        result = self._not()
        while self._take("And"):
            other = self._not()
            result = self._solver.joined(np.logical_and, result, other)
        return result

    def _not(self) -> Members | None:
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
            result = self._solver.members(word)
        self._solver.depth -= 1
        if result is None or not turned:
            return result
        everything = self._solver.all()
        return None if everything is None else everything & ~result
