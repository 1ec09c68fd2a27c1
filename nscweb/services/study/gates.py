"""Quality gates of a study: read, tried, set, and what they leave of its cells. Words of page and command "gates"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from nscweb.core.errors import StoreError, StudyNotFound, WrongUse
from nscweb.core.flags import LEFT_OUT, QualityFlag, count_flags, flag
from nscweb.core.gates import DEFAULT_GATES, Gates, Region
from nscweb.core.plain import from_plain
from nscweb.core.progress import Progress, no_progress
from nscweb.core.run_record import Run
from nscweb.services.study.drawn.drawn_gates import drawn_out
from nscweb.services.study.gate_infos import GateInfo, gate_list
from nscweb.services.study.gate_preview import ExampleCell, GatePreview, preview
from nscweb.services.study.populations import forget_population
from nscweb.services.study.quality import (
    flags_by,
    flags_of,
    get_gates,
    members_of,
    populations_of,
    put_in_force,
    read_quality,
    set_gates,
)

if TYPE_CHECKING:
    from nscweb.services.context import App

__all__ = [
    "ExampleCell",
    "GateInfo",
    "GatePreview",
    "delete_population",
    "drop_region",
    "flag_columns",
    "funnel",
    "gate_list",
    "gates_changed",
    "gates_of_run",
    "get_gates",
    "populations_of",
    "preview",
    "put_in_force",
    "save_region",
    "set_gates",
]


def flag_columns() -> tuple[QualityFlag, ...]:
    """The flags that are columns of `funnel`, in its order."""
    return tuple(flag(name) for name in LEFT_OUT)


def funnel(app: App, study: str, gates: Gates | None = None) -> pd.DataFrame:
    """What is left of each sample.

    Args:
        gates: tried instead of those of the study; nothing is stored.

    Returns:
        One row per sample: ``sample``, ``imported``; per flag of `flag_columns` the cells that it is the first
        to leave out, under its name; ``kept``, ``kept_percent``; and per flag all cells that carry it, as
        ``<name>_alone``. imported = kept + the sum of the first kind.

    Raises:
        StudyNotFound: no such study.
    """
    found = app.catalogue.study(study)
    keys = app.catalogue.sample_keys(found.study_id)
    rows: list[dict[str, Any]] = []
    for sample in found.samples:
        path = app.folder.quality_path(found.study_id, keys[sample.name])
        if gates is None or not path.exists():
            flags = flags_of(app, found.study_id, keys[sample.name], sample.cells)
        else:
            members = members_of(app, found.study_id, keys[sample.name], sample.cells, gates)
            out = drawn_out(app, found.study_id, keys[sample.name], sample.cells, gates)
            flags = flags_by(read_quality(path), gates, members, out)
        counted = count_flags(flags)
        percent = round(100.0 * counted.kept / counted.cells, 2) if counted.cells else 0.0
        carry = {f"{name}_alone": counted.carry[name] for name in counted.first}
        row = {"sample": sample.name, "imported": counted.cells, **counted.first, "kept": counted.kept}
        rows.append({**row, "kept_percent": percent, **carry})
    names = [item.name for item in flag_columns()]
    columns = ["sample", "imported", *names, "kept", "kept_percent", *(f"{name}_alone" for name in names)]
    return pd.DataFrame(rows, columns=columns)


def save_region(app: App, study: str, region: Region, progress: Progress = no_progress) -> Gates:
    """Keep a drawn gate with a study, in place of one of its name; returns the gates as they are now.

    Raises:
        StudyNotFound: no such study.
        WrongUse: the study has not these numbers, or a population of its files has this name.
    """
    now = get_gates(app, study)
    wanted = now.changed(regions=(*(item for item in now.regions if item.name != region.name), region))
    set_gates(app, study, wanted, progress)
    return wanted


def drop_region(app: App, study: str, name: str, progress: Progress = no_progress) -> Gates:
    """Delete a drawn gate with its population; returns the gates as they are now.

    Raises:
        StudyNotFound: no such study.
        WrongUse: no such gate, or something else rests on its population.
    """
    now = get_gates(app, study)
    if all(item.name != name for item in now.regions):
        raise WrongUse(f"There is no drawn gate {name!r}.", f"There are: {', '.join(r.name for r in now.regions)}.")
    wanted = now.changed(regions=tuple(item for item in now.regions if item.name != name))
    set_gates(app, study, wanted, progress)
    return wanted


def delete_population(app: App, study: str, name: str) -> None:
    """Delete a population that was made here.

    Raises:
        StudyNotFound: no such study.
        WrongUse: it came with the files, or a gate or a true class rests on it.
    """
    now = get_gates(app, study)
    if name in now.populations:
        raise WrongUse(
            f"The gates of the study keep only cells of {', '.join(now.populations)}.",
            f"Take {name} out of them on the page Study, Gates, first.",
            "E-POPULATION-IN-USE",
        )
    if any(item.name == name for item in now.regions):
        raise WrongUse(f"The population {name} belongs to a drawn gate.", "Delete the gate on the page Cells.")
    forget_population(app, study, name)


def gates_of_run(run: Run) -> Gates:
    """The gates that the flags of a run were made with; runs of versions without gates had the defaults."""
    kept = run.extra.get("gates")
    return from_plain(Gates, kept, f"The gates of the run {run.run_id}", StoreError) if kept else DEFAULT_GATES


def gates_changed(app: App, run: Run) -> bool:
    """True when the gates of the study were changed after the run."""
    try:
        now = get_gates(app, run.study_id)
    except StudyNotFound:
        return False
    return now.digest() != gates_of_run(run).digest()
