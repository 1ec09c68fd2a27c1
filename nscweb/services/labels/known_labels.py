"""Labels from what is known already: populations (drawn in IDEAS, FlowJo or here) and the classes of samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import InputRefused, WrongUse
from nscweb.core.samples import Study
from nscweb.services.labels.labels import How, Labelled, add_labels, labels_of, object_numbers
from nscweb.services.study.populations import classes_of_populations, population_table
from nscweb.store.further_columns import POPULATIONS, read_columns
from nscweb.words.numbers import count, listed

if TYPE_CHECKING:
    from nscweb.io.sheets.fcs_events import FcsEvents
    from nscweb.services.context import App

POPULATION_WHO, SHEET_WHO = "populations", "sample sheet"
"""The labellers of such labels."""
_SHOWN = 6


def label_by_populations(app: App, study: str, classes: Mapping[str, str] | None = None) -> Labelled:
    """Label the cells of populations; a cell in two that stand for different classes is left out and counted.

    Populations came with ``.daf`` and ``.pop`` files, or were made here, by gates for example. Earlier labels from
    populations give way, also where there is none now.

    Args:
        classes: population -> class; None takes what was said on the page Study.

    Raises:
        StudyNotFound: no such study.
        WrongUse: no population stands for a class, or one that the study does not have.
    """
    found = app.catalogue.study(study)
    chosen = classes_of_populations(app, found.study_id) if classes is None else dict(classes)
    chosen = {name: value.strip() for name, value in chosen.items() if value.strip()}
    known = set(population_table(app, found.study_id)["population"])
    strange = sorted(set(chosen) - known)
    if strange:
        have = f"It has: {', '.join(sorted(known))}." if known else "No file of it brought populations."
        raise WrongUse(f"The study {found.name} has no population {listed(strange)}.", have)
    if not chosen:
        raise WrongUse("No population stands for a class.", "Say which class a population stands for.")
    keys = app.catalogue.sample_keys(found.study_id)
    cells: dict[str, str] = {}
    several = 0
    for sample in found.samples:
        path = app.folder.columns_path(found.study_id, keys[sample.name])
        if not path.exists():
            continue
        for row, names in enumerate(read_columns(path, sample.cells)[POPULATIONS]):
            classes_here = {chosen[name] for name in names if name in chosen}
            if len(classes_here) == 1:
                cells[f"{keys[sample.name]}:{row}"] = classes_here.pop()
            several += len(classes_here) > 1
    said = f" {count(several, 'cell')} in populations of different classes left out." if several else ""
    note = "; ".join(f"{name} is {value}" for name, value in chosen.items())
    return _labelled(app, found, cells, "population", POPULATION_WHO, note, said)


def label_by_sheet(app: App, study: str) -> Labelled:
    """Give every cell the class of its sample, as a label; earlier labels from the sheet give way.

    Raises:
        StudyNotFound: no such study.
        WrongUse: no sample has a true class.
    """
    found = app.catalogue.study(study)
    keys = app.catalogue.sample_keys(found.study_id)
    cells = {
        f"{keys[sample.name]}:{row}": sample.true_class
        for sample in found.samples
        if sample.true_class
        for row in range(sample.cells)
    }
    return _labelled(app, found, cells, "sheet", SHEET_WHO, "true class of the sample", "")


def label_by_fcs(
    app: App, study: str, data: bytes, filename: str, class_name: str, who: str, *, sample: str = ""
) -> Labelled:
    """Label the cells of a population that FlowJo or another program exported as FCS; they are told by object number.

    Args:
        data: of the file, one that this program wrote and somebody gated.
        class_name: what its cells are.
        who: who gated.
        sample: which sample they are of; "" takes what the file says in ``$SMNO`` or in the channel SampleNumber.

    Raises:
        StudyNotFound: no such study.
        InputRefused: no FCS file, no object numbers, or cells that the study does not have; nothing is labelled.
    """
    from nscweb.io.sheets.fcs_events import read_fcs

    found = app.catalogue.study(study)
    app.settings.limits.check("max_sheet_bytes", len(data), f"The file {filename}")
    events = read_fcs(data, filename)
    numbers = _object_numbers(events, filename)
    samples = _samples(found, events, filename, sample)
    keys = app.catalogue.sample_keys(found.study_id)
    cells: list[str] = []
    strange: list[str] = []
    for name in dict.fromkeys(samples.tolist()):
        there = object_numbers(app, found.study_id, keys[name])
        values, places, counts = np.unique(there, return_index=True, return_counts=True)
        rows = {int(value): int(place) for value, place, n in zip(values, places, counts, strict=True) if n == 1}
        for number in numbers[samples == name].tolist():
            if number in rows:
                cells.append(f"{keys[name]}:{rows[number]}")
            else:
                strange.append(f"object {number} of {name}")
    if strange:
        raise InputRefused(
            f"{filename} names {count(len(strange), 'cell')} that {found.name} does not have, or not once: "
            f"{listed(strange, _SHOWN)}.",
            "Check that the file is of this study, or name its sample; no cell was labelled.",
            "E-LABEL-CELL",
        )
    return add_labels(app, found.study_id, cells, class_name, "population", who, note=f"from {filename}")


def _labelled(app: App, study: Study, cells: Mapping[str, str], how: How, who: str, note: str, said: str) -> Labelled:
    if not cells:
        raise WrongUse(f"No cell of {study.name} gets a label so.", "Fill in the true classes or populations first.")
    before = labels_of(app, study.study_id)
    gone = sorted(set(before.loc[before["who"] == who, "cell_id"]) - set(cells))
    done = add_labels(app, study.study_id, [*cells, *gone], [*cells.values(), *[""] * len(gone)], how, who, note=note)
    return Labelled(done.act, len(cells), done.sentence + said)


def _object_numbers(events: FcsEvents, filename: str) -> NDArray[np.int64]:
    whole = events.column("ObjectNumber", "Object Number", "object_number")
    if whole is None:
        millions, rest = events.column("ObjectMillions"), events.column("ObjectRest")
        whole = None if millions is None or rest is None else millions * 1_000_000 + rest
    if whole is None or not len(whole):
        raise InputRefused(
            f"{filename} has no cells with an object number; its channels are {listed(list(events.names), 9)}.",
            "Gate the FCS files that the report of this program holds, and export the population from them.",
            "E-FCS-OBJECTS",
        )
    return np.rint(whole).astype(np.int64)


def _samples(study: Study, events: FcsEvents, filename: str, given: str) -> NDArray[np.object_]:
    """(N,) sample of each event."""
    names = [sample.name for sample in study.samples]
    said = given or events.keywords.get("$SMNO", "")
    if said:
        if said not in names:
            raise InputRefused(
                f"{filename} is of the sample {said}, which {study.name} does not have.",
                f"Name one of: {listed(names, 9)}.",
                "E-LABEL-SAMPLE",
            )
        return np.full(len(events.values), said, object)
    places = events.column("SampleNumber")
    if places is None or (np.rint(places) < 1).any() or (np.rint(places) > len(names)).any():
        raise InputRefused(
            f"{filename} does not say which sample its cells are of.",
            f"Name it: one of {listed(names, 9)}.",
            "E-LABEL-SAMPLE",
        )
    return np.array(names, object)[np.rint(places).astype(np.int64) - 1]
