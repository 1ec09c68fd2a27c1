"""Labels as CSV, out and in; what cannot be placed is named, and then nothing is taken in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog
from nscweb.core.samples import Study
from nscweb.services.labels.labels import Labelled, add_labels, history_of, labels_of, object_numbers
from nscweb.words.numbers import count, listed

if TYPE_CHECKING:
    from nscweb.services.context import App

# Titles that a column may have, as files of this program and of people have them.
_TITLES: dict[str, tuple[str, ...]] = {
    "cell_id": ("cell_id", "cell"),
    "sample": ("sample", "sample_name"),
    "object_number": ("object_number", "object", "object number"),
    "class": ("class", "label", "true_class"),
    "who": ("labeller", "who"),
}
_SHOWN = 6


def labels_csv(app: App, study: str, *, history: bool = False) -> bytes:
    """The labels that stand as CSV, or with `history` every label that was ever given.

    Raises:
        StudyNotFound: no such study.
    """
    from nscweb.files.outgoing import MadeBy, outgoing
    from nscweb.files.plain_tables import csv_bytes

    found = app.catalogue.study(study)
    table = history_of(app, found.study_id) if history else labels_of(app, found.study_id)
    return csv_bytes(outgoing(table, "Cell labels", MadeBy(simulated=found.simulated)))


def read_labels(app: App, study: str, data: bytes, filename: str, who: str) -> list[Labelled]:
    """Take labels in from a CSV: a column with the class, and ``cell_id`` or ``sample`` and ``object_number``.

    Args:
        data: as the file has it; the separator and the encoding are recognised.
        filename: for messages.
        who: the labeller of rows that do not name one in a column ``labeller``.

    Returns:
        One act per labeller.

    Raises:
        StudyNotFound: no such study.
        InputRefused: no table, columns are missing, or cells that the study does not have; nothing is taken in.
    """
    from nscweb.io.sheets.delimited import read_text_table
    from nscweb.io.sheets.sheet_cells import from_cell

    found = app.catalogue.study(study)
    app.settings.limits.check("max_sheet_bytes", len(data), f"The file {filename}")
    table = read_text_table(data, filename, FindingLog())
    places = _columns(table.header, filename)
    cells = _Cells(app, found)
    said: dict[str, dict[str, str]] = defaultdict(dict)
    strange: list[str] = []
    for number, values in table.rows:
        row = {name: from_cell(values[place].strip()) if place < len(values) else "" for name, place in places.items()}
        cell, why = cells.find(row)
        if why:
            strange.append(f"{why} (row {number})")
        elif cell is not None:
            said[row.get("who") or who][cell] = row["class"]
    if strange:
        raise InputRefused(
            f"{filename} names {count(len(strange), 'cell')} that {found.name} does not have, or not once: "
            f"{listed(strange, _SHOWN)}.",
            "Mend these rows or take them out; no label of the file was taken in.",
            "E-LABEL-CELL",
        )
    if not said:
        raise InputRefused(f"{filename} has no row with a cell.", "Give a row for each cell, with its class.")
    return [
        add_labels(app, found.study_id, list(own), list(own.values()), "csv", name, note=f"from {filename}")
        for name, own in said.items()
    ]


def _columns(header: Sequence[str], filename: str) -> dict[str, int]:
    titles = [title.strip().casefold() for title in header]
    found = {
        name: titles.index(title) for name, known in _TITLES.items() for title in reversed(known) if title in titles
    }
    if "class" not in found or not ("cell_id" in found or {"sample", "object_number"} <= set(found)):
        raise InputRefused(
            f"{filename} does not say which cell has which class; its columns are {listed(list(header), 9)}.",
            "It needs the columns sample, object_number and class.",
            "E-LABEL-COLUMNS",
        )
    return found


class _Cells:
    """Finds the cells of a study by what a row says."""

    def __init__(self, app: App, study: Study) -> None:
        self._app, self._study = app, study
        self._keys = app.catalogue.sample_keys(study.study_id)
        self._sizes = {self._keys[sample.name]: sample.cells for sample in study.samples}
        self._rows: dict[str, Mapping[int, list[int]]] = {}

    def find(self, row: Mapping[str, str]) -> tuple[str | None, str]:
        """(cell id, "") or (None, what is wrong); (None, "") for a row that names no cell."""
        if row.get("cell_id"):
            key, _, place = row["cell_id"].partition(":")
            known = place.isdecimal() and int(place) < self._sizes.get(key, 0)
            return (row["cell_id"], "") if known else (None, f"cell {row['cell_id']}")
        sample, text = row.get("sample", ""), row.get("object_number", "")
        if not sample and not text:
            return None, ""
        if sample not in self._keys:
            return None, f"sample {sample or 'without a name'}"
        whole = text.removesuffix(".0")
        if not whole.isdecimal():
            return None, f"object {text or 'without a number'} of {sample}"
        key = self._keys[sample]
        rows = self._numbered(key).get(int(whole), [])
        if len(rows) != 1:
            twice = f" (there {len(rows)} times; give cell_id)" if rows else ""
            return None, f"object {whole} of {sample}{twice}"
        return f"{key}:{rows[0]}", ""

    def _numbered(self, key: str) -> Mapping[int, list[int]]:
        if key not in self._rows:
            found: dict[int, list[int]] = defaultdict(list)
            numbers = object_numbers(self._app, self._study.study_id, key) if self._sizes[key] else np.zeros(0, int)
            for place, number in enumerate(numbers.tolist()):
                found[int(number)].append(place)
            self._rows[key] = found
        return self._rows[key]
