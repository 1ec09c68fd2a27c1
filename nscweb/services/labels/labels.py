"""Labels of cells: given, taken back, read. Words of page and command "labels".

A label belongs to one cell of a study and says who gave it, when and how. Every labeller has one label per cell; a new
one stands before his old one, which stays in the history.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd

from nscweb.core.errors import WrongUse
from nscweb.core.samples import Study
from nscweb.services.kept import kept
from nscweb.services.study.pixels import split_id
from nscweb.services.study.populations import known_classes
from nscweb.store.cell_files import CellFile
from nscweb.store.label_acts import LabelAct, acts_of, add_act, labels_in, labels_version, undo_act
from nscweb.words.numbers import count, listed

if TYPE_CHECKING:
    from nscweb.services.context import App

How = Literal["hand", "blind", "marker", "population", "gate", "sheet", "csv", "map"]
Drawn = Literal["", "uncertain", "disagreeing", "far", "random"]
HOWS: tuple[How, ...] = get_args(How)
DRAWN: tuple[Drawn, ...] = get_args(Drawn)
HOW_WORDS: dict[How, str] = {
    "hand": "by hand",
    "blind": "by hand, asked blindly",
    "marker": "from markers",
    "population": "from populations",
    "gate": "from gates",
    "sheet": "from the sample sheet",
    "csv": "from a file",
    "map": "from the map",
}
"""What a page says of each way to label."""
# A person picked these cells, or a model did; such a choice says nothing of the cells that nobody picked.
_PICKED = ("hand", "map")
# An act of so many labels never changes and is read once.
_LARGE = 2_000
_LONGEST = {"class": 200, "labeller": 80}
COLUMNS: tuple[str, ...] = ("cell_id", "sample", "object_number", "class", "who", "when_utc", "how", "drawn", "judges")


@dataclass(frozen=True)
class Labelled:
    """What an act of labelling did.

    Attributes:
        act: its number.
        cells: that it labelled.
        sentence: the same in words.
    """

    act: int
    cells: int
    sentence: str


def add_labels(
    app: App,
    study: str,
    cells: Sequence[str],
    class_name: str | Sequence[str],
    how: How,
    who: str,
    *,
    drawn: Drawn = "",
    note: str = "",
) -> Labelled:
    """Label cells; one act, which `undo_labels` takes back as a whole.

    Args:
        study: name or id.
        cells: ids as in a prediction table, ``<sample key>:<row>``.
        class_name: one class for all of them, or one for each; "" takes the labeller's label of the cell away.
        who: the labeller; a person, or a source such as ``markers``. His earlier labels of these cells give way.
        drawn: for cells that the program chose and showed: what it chose them by.
        note: how the labels were made, such as thresholds.

    Raises:
        StudyNotFound: no such study.
        WrongUse: a cell that the study does not have, an empty name of the labeller, a name that is too long.
    """
    found = app.catalogue.study(study)
    names = [class_name] * len(cells) if isinstance(class_name, str) else [str(name) for name in class_name]
    if how not in HOWS or drawn not in DRAWN:
        raise WrongUse(f"A label cannot be given by {how!r}, drawn by {drawn!r}.", f"Ways are {', '.join(HOWS)}.")
    if len(names) != len(cells):
        raise WrongUse(f"{len(cells)} cells were given with {len(names)} classes.")
    labeller = _name(who, "labeller")
    known = {name: name.strip() and _name(name, "class") for name in dict.fromkeys(names)}
    places = _places(app, found, cells)
    # A cell that is named twice in one act has the class that came last.
    rows = {place: known[name] for place, name in zip(places, names, strict=True)}
    if not rows:
        raise WrongUse("No cell was given to label.")
    act = LabelAct(labeller, how, drawn, note, app.clock())
    number = add_act(
        app.folder.labels_path(found.study_id), act, ((key, row, name) for (key, row), name in rows.items())
    )
    return Labelled(number, len(rows), _said(list(rows.values()), labeller))


def undo_labels(app: App, study: str, who: str) -> Labelled | None:
    """Take back the last act of a labeller that stands; what stood before it stands again.

    Returns:
        The act, None when the labeller has none.

    Raises:
        StudyNotFound: no such study.
    """
    found = app.catalogue.study(study)
    path = app.folder.labels_path(found.study_id)
    number = undo_act(path, who.strip(), app.clock())
    if number is None:
        return None
    rows = _history(app, found.study_id)
    cells = int((rows["act"] == number).sum())
    return Labelled(number, cells, f"The labels of {count(cells, 'cell')} by {who.strip()} were taken back.")


def labels_of(app: App, study: str) -> pd.DataFrame:
    """The labels that stand: one row per cell and labeller.

    Returns:
        Columns `COLUMNS`: ``judges`` is True where the cell may judge a model, because neither a model nor a person
        picked it: see `may_judge`. Sorted by sample and row.

    Raises:
        StudyNotFound: no such study.
    """
    found = app.catalogue.study(study)
    return _standing(app, found.study_id)


def history_of(app: App, study: str) -> pd.DataFrame:
    """Every label that was ever given, oldest first: the columns of `labels_of`, ``act``, ``note``, ``state``.

    ``state`` is ``stands``, ``replaced`` by a later one of the same labeller, or ``undone``; ``class`` is "" where a
    label was taken away.

    Raises:
        StudyNotFound: no such study.
    """
    found = app.catalogue.study(study)
    rows = _history(app, found.study_id).copy()
    standing = _last_of_each(rows)
    rows["state"] = np.where(rows["undone_utc"] != "", "undone", "replaced")
    rows.loc[standing.index, "state"] = "stands"
    return _with_cells(app, found, rows)[[*COLUMNS, "act", "note", "state"]]


def labels_mark(app: App, study_id: str) -> str:
    """Changes whenever a label does: for keys of what is made from labels; "" for a study without any."""
    return labels_version(app.folder.labels_path(study_id))


def labellers(app: App, study: str) -> list[str]:
    """Who labelled cells of a study, by name."""
    return sorted(set(labels_of(app, study)["who"].astype(str)))


def class_choices(app: App, study: str, more: Sequence[str] = ()) -> list[str]:
    """Classes that a cell of a study may be given: `more`, such as those of a model, of the sheet and of its labels.

    Raises:
        StudyNotFound: no such study.
    """
    labelled = labels_of(app, study)["class"].astype(str)
    return list(dict.fromkeys([*more, *sorted({*known_classes(app, study), *labelled})]))


def may_judge(how: str, drawn: str) -> bool:
    """Whether a cell with such a label may be among those that say how good a model is.

    A cell that was picked, by its looks or because a model was unsure of it, is harder or easier than the others. One
    that was drawn at random and labelled without a hint is like the others; so are labels that rest on a rule for
    all cells.
    """
    return how not in _PICKED or drawn == "random"


def _key(app: App, study_id: str) -> Hashable:
    names = tuple(app.catalogue.sample_keys(study_id).items())
    return (app.settings.data_dir, study_id, labels_mark(app, study_id), names)


@kept(8, _key)
def _standing(app: App, study_id: str) -> pd.DataFrame:
    found = app.catalogue.study(study_id)
    rows = _last_of_each(_history(app, study_id))
    rows = rows[rows["class"] != ""]
    return _with_cells(app, found, rows)[list(COLUMNS)]


@kept(4, lambda app, study_id: (app.settings.data_dir, study_id, labels_mark(app, study_id)))
def _history(app: App, study_id: str) -> pd.DataFrame:
    """Every label with its act, in the order of the acts; a click reads the small acts again and no large one."""
    path = app.folder.labels_path(study_id)
    acts = acts_of(path)
    if not len(acts):
        return acts.assign(sample_key="", row=0, **{"class": ""})
    large = acts.loc[acts["cells"] >= _LARGE, "act"]
    parts = [labels_in(path, fewer_than=_LARGE), *(_large_act(app, study_id, int(act)) for act in large)]
    labels = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    return labels.sort_values("act", kind="stable", ignore_index=True).merge(acts, on="act", how="left")


def _file_of(app: App, study_id: str, act: int = 0) -> Hashable:
    return (app.settings.data_dir, study_id, app.folder.labels_path(study_id).stat().st_ino, act)


@kept(16, _file_of)
def _large_act(app: App, study_id: str, act: int) -> pd.DataFrame:
    return labels_in(app.folder.labels_path(study_id), act=act)


def _last_of_each(rows: pd.DataFrame) -> pd.DataFrame:
    """Of each labeller and cell the last label that was not undone."""
    there = rows[rows["undone_utc"] == ""]
    return there.drop_duplicates(["sample_key", "row", "who"], keep="last")


def _with_cells(app: App, study: Study, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with cell, sample and object number, by sample and row."""
    keys = app.catalogue.sample_keys(study.study_id)
    order = {key: place for place, key in enumerate(keys.values())}
    rows = rows[rows["sample_key"].isin(list(order))].copy()
    places = rows["sample_key"].map(order).to_numpy(np.int64)
    rows = rows.iloc[np.lexsort((rows["act"].to_numpy(np.int64), rows["row"].to_numpy(np.int64), places))]
    rows["cell_id"] = rows["sample_key"].astype(str) + ":" + rows["row"].astype(str)
    names = {key: name for name, key in keys.items()}
    rows["sample"] = rows["sample_key"].map(names)
    numbers = np.zeros(len(rows), np.int64)
    for key in rows["sample_key"].unique():
        chosen = (rows["sample_key"] == key).to_numpy()
        numbers[chosen] = object_numbers(app, study.study_id, str(key))[rows["row"].to_numpy(np.int64)[chosen]]
    rows["object_number"] = numbers
    ways = rows.groupby(["how", "drawn"], sort=False).ngroup().to_numpy(np.int64)
    firsts = rows.iloc[np.unique(ways, return_index=True)[1]]
    known = [may_judge(str(how), str(drawn)) for how, drawn in zip(firsts["how"], firsts["drawn"], strict=True)]
    rows["judges"] = np.array(known, bool)[ways] if len(rows) else np.zeros(0, bool)
    return rows.reset_index(drop=True)


@kept(1_000, lambda app, study_id, key: (app.settings.data_dir, study_id, key))
def object_numbers(app: App, study_id: str, key: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """(N,) object number of each row of a sample."""
    with CellFile(app.folder.cells_path(study_id, key)) as cells:
        numbers = np.array(cells.object_numbers, np.int64)
    numbers.setflags(write=False)
    return numbers


def _places(app: App, study: Study, cells: Sequence[str]) -> list[tuple[str, int]]:
    keys = app.catalogue.sample_keys(study.study_id)
    sizes = {keys[sample.name]: sample.cells for sample in study.samples}
    places = [split_id(cell) for cell in cells]
    strange = [cell for cell, (key, row) in zip(cells, places, strict=True) if row >= sizes.get(key, 0)]
    if strange:
        raise WrongUse(
            f"The study {study.name} does not have {'the cell' if len(strange) == 1 else 'the cells'} "
            f"{listed(strange)}.",
            "Take cells from a table or page of this study.",
            "E-LABEL-CELL",
        )
    return places


def _name(text: str, what: str) -> str:
    name = text.strip()
    if not name or len(name) > _LONGEST[what] or not name.isprintable():
        said = f"{name[:40]!r} is no name for a {what}" if name else f"The {what} has no name"
        raise WrongUse(f"{said}.", f"Give a name of 1 to {_LONGEST[what]} letters.", "E-LABEL-NAME")
    return name


def _said(names: Sequence[str], who: str) -> str:
    counts = pd.Series(names).value_counts()
    given = [f"{number:,} {name}" for name, number in counts.items() if name]
    away = int(counts.get("", 0))
    parts = [f"{who} labelled {count(len(names) - away, 'cell')}: {listed(given, 9)}."] if given else []
    parts += [f"{count(away, 'label')} of {who} {'was' if away == 1 else 'were'} taken away."] if away else []
    return " ".join(parts)
