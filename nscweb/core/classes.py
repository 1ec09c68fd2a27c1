"""The ordered classes of a model: names, plain labels, colours safe for the colour-blind.

`class_codes` gives the names as numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import pandas as pd

# Okabe and Ito (2008), an eight-colour palette that people with any common colour blindness can tell apart.
PALETTE: tuple[str, ...] = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")


def class_codes(values: ArrayLike | pd.Series, classes: Sequence[str]) -> NDArray[np.int64]:
    """Position of each value in `classes`, -1 for any other value; fast for text and for categories."""
    # Trainings on a bare compute node know the classes as numbers already, and have no pandas.
    import pandas as pd

    index = pd.Index(list(classes), dtype=object)
    column: Any = values if isinstance(values, pd.Series) else pd.Series(values)
    if isinstance(column.dtype, pd.CategoricalDtype):
        known = index.get_indexer(column.cat.categories.astype(object))
        codes = column.cat.codes.to_numpy()
        return np.asarray(np.where(codes >= 0, known[codes] if len(known) else -1, -1), np.int64)
    codes, found = pd.factorize(column)
    known = np.append(index.get_indexer(pd.Index(found, dtype=object)), -1)
    return np.asarray(known[codes], np.int64)


@dataclass(frozen=True)
class ClassScheme:
    """Ordered class names as a model card gives them. Index i is column ``p_<names[i]>``.

    Attributes:
        names: short machine names, e.g. ``("astrocyte", "oligodendrocyte", "neuron")``.
        colours: one ``#rrggbb`` per class, from `PALETTE` unless the card says otherwise.
        kind: what a class is called on pages: ``fate``, ``medium``, ``colony``, ``cell cycle phase``...
    """

    names: tuple[str, ...]
    colours: tuple[str, ...] = ()
    kind: str = "fate"

    def __post_init__(self) -> None:
        if len(self.names) < 2 or len(set(self.names)) != len(self.names):
            raise ValueError(f"a class scheme needs at least two different names, got {self.names!r}")
        if not self.colours:
            object.__setattr__(self, "colours", tuple(PALETTE[i % len(PALETTE)] for i in range(len(self.names))))
        if len(self.colours) != len(self.names):
            raise ValueError("a class scheme needs one colour per class")

    def __len__(self) -> int:
        return len(self.names)

    def index(self, name: str) -> int:
        """Position of a class; ValueError when there is none of that name."""
        return self.names.index(name)

    def columns(self) -> list[str]:
        """Score columns of the prediction table, in order: ``["p_astrocyte", ...]``."""
        return [f"p_{name}" for name in self.names]

    def colour(self, name: str) -> str:
        return self.colours[self.index(name)]
