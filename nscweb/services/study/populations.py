"""Populations that somebody made by hand in the instrument's software: counted, and used as true classes.

A population is a tag on a cell (`core.cells.CellImage.tags`), read from a ``.daf`` or a ``.pop`` file. Which
population stands for which class is said once per study and joined whenever a prediction table is read, like the
sample sheet.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.errors import WrongUse
from nscweb.store.further_columns import POPULATIONS, read_columns

if TYPE_CHECKING:
    from nscweb.services.context import App

_INFO_KEY = "truth_from_populations"
_LONGEST = 200


def population_table(app: App, study: str) -> pd.DataFrame:
    """Cells of every population in every sample: columns ``population``, ``sample``, ``cells``.

    Empty when no file of the study brought populations.

    Raises:
        StudyNotFound: no such study.
    """
    found = app.catalogue.study(study)
    keys = app.catalogue.sample_keys(found.study_id)
    rows: list[dict[str, Any]] = []
    for sample in found.samples:
        path = app.folder.columns_path(found.study_id, keys[sample.name])
        if not path.exists():
            continue
        tags = read_columns(path, sample.cells)[POPULATIONS]
        counts = Counter(name for names in tags for name in names)
        rows += [
            {"population": name, "sample": sample.name, "cells": number} for name, number in sorted(counts.items())
        ]
    return pd.DataFrame(rows, columns=["population", "sample", "cells"])


def classes_of_populations(app: App, study: str) -> dict[str, str]:
    """Population -> true class, as it was said for the study; empty when the sample sheet alone counts.

    Raises:
        StudyNotFound: no such study.
    """
    info = app.catalogue.study_info(app.catalogue.study(study).study_id)
    return {str(name): str(value) for name, value in info.get(_INFO_KEY, {}).items()}


def set_classes_of_populations(app: App, study: str, classes: Mapping[str, str]) -> None:
    """Say which population stands for which true class; "" or leaving one out means that it stands for none.

    Cells in no such population, or in two that stand for different classes, have no true class then.

    Raises:
        StudyNotFound: no such study.
        WrongUse: a population that the study does not have, or a name that is too long.
    """
    found = app.catalogue.study(study)
    chosen = {name: value.strip() for name, value in classes.items() if value.strip()}
    known = set(population_table(app, found.study_id)["population"])
    for name, value in chosen.items():
        if name not in known:
            raise WrongUse(
                f"The study {found.name} has no population {name!r}.", f"It has: {', '.join(sorted(known))}."
            )
        if len(value) > _LONGEST or not value.isprintable():
            raise WrongUse(f"{value[:40]!r}... is not a name for a class.")
    app.catalogue.change_info(found.study_id, **{_INFO_KEY: chosen})


def populations_digest(app: App, study_id: str) -> str:
    """Changes when somebody says something else; "" when the sample sheet alone counts."""
    chosen = app.catalogue.study_info(study_id).get(_INFO_KEY)
    if not chosen:
        return ""
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode("utf-8")).hexdigest()[:16]


def true_classes(app: App, study_id: str, key: str, cells: int) -> NDArray[np.object_] | None:
    """True class of every cell of a sample by its populations, "" where it has none.

    None when nothing was said for the study, so that the sample sheet counts.
    """
    chosen = app.catalogue.study_info(study_id).get(_INFO_KEY)
    if not chosen:
        return None
    tags = read_columns(app.folder.columns_path(study_id, key), cells)[POPULATIONS]
    found = np.full(cells, "", object)
    for row, names in enumerate(tags):
        classes = {chosen[name] for name in names if name in chosen}
        if len(classes) == 1:
            found[row] = classes.pop()
    return found


def known_classes(app: App, study: str) -> set[str]:
    """Every true class of a study, from its sample sheet or its populations.

    Raises:
        StudyNotFound: no such study.
    """
    found = app.catalogue.study(study)
    by_population = classes_of_populations(app, found.study_id)
    if by_population:
        return set(by_population.values())
    return {sample.true_class for sample in found.samples if sample.true_class and sample.cells}
