"""Populations that somebody made by hand: counted, kept, and used as true classes.

A population is a tag on a cell (`core.cells.CellImage.tags`), read from a ``.daf`` or a ``.pop`` file of the
instrument's software, or made here from cells that somebody chose or drew a gate round. Which population stands for
which class is said once per study and joined whenever a prediction table is read, like the sample sheet.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.errors import WrongUse
from nscweb.services.file_lock import file_lock
from nscweb.store.further_columns import POPULATIONS, read_columns, write_columns

if TYPE_CHECKING:
    from nscweb.services.context import App

_INFO_KEY = "truth_from_populations"
# Populations that were made here: name -> how, cells, made_utc.
_MADE_KEY = "made_populations"
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
    info = app.catalogue.study_info(study_id)
    chosen, made = info.get(_INFO_KEY), info.get(_MADE_KEY, {})
    if not chosen:
        return ""
    # A population that was made here may be made again with other cells.
    own = {name: made[name] for name in chosen if name in made}
    said = [chosen, own] if own else chosen
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode("utf-8")).hexdigest()[:16]


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


def populations_of_cells(app: App, study: str) -> dict[str, dict[str, NDArray[np.int64]]]:
    """Population -> sample -> rows of its cells.

    Raises:
        StudyNotFound: no such study.
    """
    found = app.catalogue.study(study)
    keys = app.catalogue.sample_keys(found.study_id)
    members: dict[str, dict[str, NDArray[np.int64]]] = {}
    for sample in found.samples:
        path = app.folder.columns_path(found.study_id, keys[sample.name])
        if not path.exists():
            continue
        rows: dict[str, list[int]] = {}
        for row, names in enumerate(read_columns(path, sample.cells)[POPULATIONS]):
            for name in names:
                rows.setdefault(name, []).append(row)
        for name, places in rows.items():
            members.setdefault(name, {})[sample.name] = np.array(places, np.int64)
    return dict(sorted(members.items()))


def made_populations(app: App, study: str) -> dict[str, dict[str, Any]]:
    """Populations that were made here: name -> ``how`` in words, ``cells``, ``made_utc``.

    Raises:
        StudyNotFound: no such study.
    """
    info = app.catalogue.study_info(app.catalogue.study(study).study_id)
    return {str(name): dict(said) for name, said in info.get(_MADE_KEY, {}).items()}


def keep_population(
    app: App,
    study: str,
    name: str,
    cells: Mapping[str, Iterable[int]],
    how: str,
    *,
    again: bool = False,
    drawn: bool = False,
) -> int:
    """Keep cells as a population of the study, usable in gates, as true class and in exports.

    Args:
        name: what it is called.
        cells: sample -> rows of its cells.
        how: what made it, in words.
        again: take the place of one of this name that was made here.
        drawn: it is that of a drawn gate (`drawn.drawn_gates`), which makes and deletes it.

    Returns:
        Cells in it.

    Raises:
        StudyNotFound: no such study.
        WrongUse: no cell, or a name that is empty, too long, or taken.
    """
    found = app.catalogue.study(study)
    wanted = name.strip()
    if not wanted or len(wanted) > _LONGEST or not wanted.isprintable():
        raise WrongUse(f"{name[:40]!r} is not a name for a population.", "Give it a short name.", "E-POPULATION-NAME")
    rows = {sample: sorted({int(row) for row in places}) for sample, places in cells.items()}
    total = sum(map(len, rows.values()))
    with _columns_locked(app, found.study_id):
        made = made_populations(app, found.study_id)
        known = set(population_table(app, found.study_id)["population"])
        if (wanted in known or wanted in made) and not (again and wanted in made):
            raise WrongUse(
                f"The study {found.name} has a population {wanted} already.",
                "Choose another name, or delete that one first.",
                "E-POPULATION-TAKEN",
            )
        if not total and not again:
            raise WrongUse("A population needs a cell at least.", "Choose some cells first.", "E-POPULATION-EMPTY")
        _tag(app, found.study_id, wanted, rows)
        said = {"how": how, "cells": total, "made_utc": app.clock(), "drawn": drawn}
        app.catalogue.change_info(found.study_id, **{_MADE_KEY: {**made, wanted: said}})
    return total


def forget_population(app: App, study: str, name: str) -> None:
    """Delete a population that was made here; its cells stay.

    Raises:
        StudyNotFound: no such study.
        WrongUse: it came with the files, or stands for a true class.
    """
    found = app.catalogue.study(study)
    with _columns_locked(app, found.study_id):
        made = made_populations(app, found.study_id)
        if name not in made:
            raise WrongUse(f"The population {name} was not made here, so it cannot be deleted.")
        if name in classes_of_populations(app, found.study_id):
            raise WrongUse(
                f"The population {name} stands for a true class.", "Say on the page Study that it stands for none."
            )
        _tag(app, found.study_id, name, {})
        made.pop(name)
        app.catalogue.change_info(found.study_id, **{_MADE_KEY: made})


def _columns_locked(app: App, study_id: str) -> Any:
    return file_lock(app.folder.study_dir(study_id) / "columns.lock", while_waiting=lambda: None)


def _tag(app: App, study_id: str, name: str, rows: Mapping[str, list[int]]) -> None:
    """Put a tag on these rows of every sample, and take it off all others."""
    keys = app.catalogue.sample_keys(study_id)
    for sample in app.catalogue.study(study_id).samples:
        path, wanted = app.folder.columns_path(study_id, keys[sample.name]), set(rows.get(sample.name, ()))
        if not wanted and not path.exists():
            continue
        table = read_columns(path, sample.cells)
        before = [list(names) for names in table[POPULATIONS]]
        after = [
            [*(tag for tag in names if tag != name), *([name] if row in wanted else [])]
            for row, names in enumerate(before)
        ]
        if after != before:
            table[POPULATIONS] = after
            write_columns(path, table)
