"""Calibrate on my control samples: pure samples of the same experiment take the place of the model's held-out cells.

The model's own held-out cells come from other cultures, and often from another instrument. Where a user has samples of
known class in the same study, they say better what the model mixes up here. Such samples then only serve as the
measure: a ratio that is corrected by itself would confirm itself, so they are left out of everything that is counted
or compared, and marked in tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import StudyError, WrongUse
from nscweb.core.rules import FEWEST_KNOWN
from nscweb.core.run_record import Run
from nscweb.core.samples import Sample, Study
from nscweb.core.timepoint import TimePoint
from nscweb.evaluation.ratios.cell_filters import Filters, kept_cells
from nscweb.services.kept import kept
from nscweb.services.predict.control_store import chosen_controls, keep_controls
from nscweb.services.predict.run_cells import cells_key, run_cells
from nscweb.services.predict.runs import get_run, study_of
from nscweb.services.study.import_request import COPIES
from nscweb.services.study.populations import classes_of_populations, known_classes

if TYPE_CHECKING:
    from nscweb.evaluation.ratios.cell_filters import FilterCounts
    from nscweb.evaluation.scores.held_out import HeldOut
    from nscweb.services.context import App

_NAMED = 6  # control samples that a sentence names


@dataclass(frozen=True)
class ControlSample:
    """One sample of a study as a control.

    Attributes:
        name, group, time, replicate, cells: as in the sheet; `time` in words.
        true_class: of all its cells; "by population" where populations say it for each cell.
        control: marked as control in the sheet.
        chosen: serves as control now.
    """

    name: str
    group: str
    time: str
    replicate: str
    cells: int
    true_class: str
    control: bool
    chosen: bool


@dataclass(frozen=True)
class ControlChoice:
    """What a user can choose from.

    Attributes:
        samples: every sample whose cells have a known class.
        chosen: names of those in use; () when the model's own held-out cells are.
        classes: known classes of all samples that can be chosen.
        without_class: samples that are marked as control in the sheet but have no true class there.
    """

    samples: tuple[ControlSample, ...]
    chosen: tuple[str, ...]
    classes: tuple[str, ...]
    without_class: tuple[str, ...]


def control_choice(app: App, study: str) -> ControlChoice:
    """The samples of a study (name or id) that can serve as controls.

    Raises:
        StudyNotFound: no such study.
    """
    found = app.catalogue.study(study)
    chosen = chosen_controls(app, found.study_id)
    by_population = bool(classes_of_populations(app, found.study_id))
    offered = [
        ControlSample(
            sample.name,
            sample.group,
            "" if sample.time_h is None else TimePoint(sample.time_h).label(),
            sample.replicate,
            sample.cells,
            "by population" if by_population else sample.true_class,
            sample.control,
            sample.name in chosen,
        )
        for sample in found.samples
        if _has_class(sample, by_population)
    ]
    return ControlChoice(
        tuple(offered),
        tuple(item.name for item in offered if item.chosen),
        tuple(sorted(known_classes(app, found.study_id))) if offered else (),
        tuple(s.name for s in found.samples if s.control and not _has_class(s, by_population)),
    )


def use_controls(app: App, study_id: str, names: Sequence[str] | None) -> None:
    """Take these samples as the measure for corrected ratios and sets of this study; None goes back to the model's own.

    Raises:
        StudyNotFound: no such study.
        WrongUse: a sample is not in the study, or its class is not known.
    """
    choice = control_choice(app, study_id)
    study = app.catalogue.study(study_id)
    offered = {item.name for item in choice.samples}
    for name in names or ():
        if name not in offered:
            there = any(sample.name == name for sample in study.samples)
            what = "has no true class in the sample sheet" if there else "is not in the study"
            raise WrongUse(
                f"The sample {name} {what} {study.name if not there else ''}".rstrip() + ".",
                "Enter the true class of pure control samples on the Study page, or choose other samples.",
                "E-CONTROL",
            )
    keep_controls(app, study.study_id, tuple(dict.fromkeys(names or ())))


def control_names(app: App, run: Run | str) -> tuple[str, ...]:
    """Samples of a run that serve as its controls: left out of what is counted, and marked; () when none do."""
    found = get_run(app, run)
    names = chosen_controls(app, found.study_id)
    return names if names and held_out_from_controls(app, found) is not None else ()


def copy_names(app: App, run: Run | str) -> tuple[str, ...]:
    """Samples of a run that hold the cells of another sample, pixel by pixel, as the import found: never results."""
    return tuple(app.catalogue.study_info(get_run(app, run).study_id).get(COPIES, {}))


def no_results(app: App, run: Run | str) -> tuple[str, ...]:
    """Samples of a run that are left out of everything that is counted: its controls, and copies."""
    return tuple(dict.fromkeys((*control_names(app, run), *copy_names(app, run))))


def left_out_sentences(app: App, run: Run | str) -> tuple[str, ...]:
    """Which samples are left out of ratios and comparisons because they are controls or copies, and why."""
    copies = copy_names(app, run)
    said = f"{_listed(copies)}: the cells of another sample, pixel by pixel. Copies are no replicates and not counted."
    return tuple(text for text in (_controls_left_out(control_names(app, run)), said if copies else "") if text)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _controls_left_out(names: Sequence[str]) -> str:
    if not names:
        return ""
    listed = _listed(names)
    one = len(names) == 1
    return (
        f"{len(names)} control {'sample is' if one else 'samples are'} left out of ratios, comparisons and tests "
        f"({listed}): {'it is' if one else 'they are'} the measure by which the other samples are corrected, so a "
        f"result from {'it' if one else 'them'} would only confirm itself."
    )


def held_out_from_controls(app: App, run: Run | str) -> HeldOut | None:
    """The cells of the chosen controls as this run scored them; None when there are none, or too few of some class.

    Cells that the quality gates leave out by default are left out here as well, as they are where ratios are counted.

    Raises:
        StoreError: the table of the run is damaged.
    """
    held, _ = _controls(app, get_run(app, run))
    return held


def controls_sentence(app: App, run: Run | str) -> str:
    """What the page says about controls: in use, or chosen but not usable and why; "" when none were chosen."""
    return _controls(app, get_run(app, run))[1]


def _controls(app: App, run: Run) -> tuple[HeldOut | None, str]:
    names = chosen_controls(app, run.study_id)
    study = study_of(app, run) if names else None
    return (None, "") if study is None else _read(app, run, study, names)


# Every click asks for it.
@kept(4, lambda app, run, study, names: (cells_key(app, run), tuple(names)))
def _read(app: App, run: Run, study: Study, names: Sequence[str]) -> tuple[HeldOut | None, str]:
    from nscweb.evaluation.ratios.cell_filters import Filters, kept_cells
    from nscweb.evaluation.scores.held_out import HeldOut

    cells = run_cells(app, run)
    wanted = np.asarray([name in names for name in cells.sample_ids], bool)
    keep, _ = kept_cells(cells, **asdict(Filters()))
    rows = np.flatnonzero(wanted[cells.sample] & (cells.true >= 0) & keep)
    counts = np.bincount(cells.true[rows], minlength=len(cells.classes))
    lacking = [name for name, count in zip(cells.classes, counts, strict=True) if count < FEWEST_KNOWN]
    if lacking:
        return None, (
            f"The control samples cannot be used for this run: they have fewer than {FEWEST_KNOWN} cells of "
            f"{', '.join(lacking)}. Every class of the model needs a control; until then the model's own held-out "
            "cells are used."
        )
    there, sample = np.unique(cells.sample[rows], return_inverse=True)
    source = f"{len(rows):,} cells of {len(there)} control samples of {study.name}"
    held = HeldOut(
        cells.scores[rows],
        cells.true[rows],
        sample.reshape(-1).astype(np.int64),
        cells.times_h[cells.sample[rows]],
        cells.classes,
        source,
        study.simulated,
    )
    sentence = (
        f"Calibrated on {source} ({', '.join(cells.sample_ids[index] for index in there)}). These samples are the "
        "measure and take no part in comparisons."
    )
    return held, sentence


def _has_class(sample: Sample, by_population: bool) -> bool:
    return sample.cells > 0 and (by_population or bool(sample.true_class))


def check_all_classes(app: App, study: Study, names: Sequence[str], classes: Sequence[str]) -> None:
    """Say before anything is stored that chosen samples do not hold every class.

    Raises:
        StudyError: with the classes that no chosen sample holds.
    """
    if classes_of_populations(app, study.study_id):
        return
    lacking = [name for name in classes if name not in {study.sample(item).true_class for item in names}]
    if lacking:
        raise StudyError(
            f"No chosen control sample is of the class {', '.join(lacking)}.",
            "Choose one pure sample of every class, better two or more.",
            "E-CONTROL-CLASS",
        )


def filtered_cells(app: App, run: Run | str, filters: Filters) -> tuple[NDArray[np.bool_], FilterCounts]:
    """Which of `run_cells` are counted, and why the others are not.

    Samples that the ratios are calibrated on are never counted: a result that is also its own measure says nothing.
    Nor are copies of other samples.
    """
    return kept_cells(run_cells(app, run), **asdict(filters), controls=no_results(app, run))
