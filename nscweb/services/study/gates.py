"""Quality gates of a study: read, tried, set, and what they leave of its cells. Words of page and command "gates"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from nscweb.core.errors import StoreError, StudyNotFound
from nscweb.core.flags import LEFT_OUT, QualityFlag, count_flags, flag
from nscweb.core.gates import DEFAULT_GATES, Gates
from nscweb.core.plain import from_plain
from nscweb.core.run_record import Run
from nscweb.services.study.gate_infos import GateInfo, gate_list
from nscweb.services.study.gate_preview import ExampleCell, GatePreview, preview
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
    "flag_columns",
    "funnel",
    "gate_list",
    "gates_changed",
    "gates_of_run",
    "get_gates",
    "populations_of",
    "preview",
    "put_in_force",
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
            flags = flags_by(read_quality(path), gates, members)
        counted = count_flags(flags)
        percent = round(100.0 * counted.kept / counted.cells, 2) if counted.cells else 0.0
        carry = {f"{name}_alone": counted.carry[name] for name in counted.first}
        row = {"sample": sample.name, "imported": counted.cells, **counted.first, "kept": counted.kept}
        rows.append({**row, "kept_percent": percent, **carry})
    names = [item.name for item in flag_columns()]
    columns = ["sample", "imported", *names, "kept", "kept_percent", *(f"{name}_alone" for name in names)]
    return pd.DataFrame(rows, columns=columns)


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
