"""Class names as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray


def class_codes(values: ArrayLike | pd.Series, classes: Sequence[str]) -> NDArray[np.int64]:
    """Position of each value in `classes`, -1 for any other value; fast for text and for categories."""
    index = pd.Index(list(classes), dtype=object)
    column: Any = values if isinstance(values, pd.Series) else pd.Series(values)
    if isinstance(column.dtype, pd.CategoricalDtype):
        known = index.get_indexer(column.cat.categories.astype(object))
        codes = column.cat.codes.to_numpy()
        return np.asarray(np.where(codes >= 0, known[codes] if len(known) else -1, -1), np.int64)
    codes, found = pd.factorize(column)
    known = np.append(index.get_indexer(pd.Index(found, dtype=object)), -1)
    return np.asarray(known[codes], np.int64)
