"""The report of a run: one zip with all tables, the card, the findings and a page in plain words."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from nscweb.core.card_json import card_to_dict
from nscweb.core.errors import NscwebError
from nscweb.core.runs import Run
from nscweb.core.timepoint import TimePoint
from nscweb.services.dashboard import DashboardData, Filters, dashboard_data
from nscweb.services.explain import model_of_run
from nscweb.services.export import NOTICE, cells_csv, figure_csv, groups_csv, provenance_json, samples_csv
from nscweb.services.gates import funnel, gates_of_run
from nscweb.services.runs import get_run, study_of

if TYPE_CHECKING:
    from nscweb.services.context import App

# One fixed time stamp in the zip, so that the same run gives the same bytes.
SIMULATED = "THE CELLS OF THIS STUDY ARE SIMULATED. They say nothing about real cultures."
_STAMP = (1980, 1, 1, 0, 0, 0)


def run_zip(app: App, run: Run | str, out: Path | None = None, filters: Filters | None = None) -> Path:
    """Write everything of a run into one zip and return its path.

    cells.csv, samples.csv, groups.csv, provenance.json, card.json, findings.csv, sample_sheet.csv,
    quality.csv and README.txt with the limits.

    Args:
        out: path of the zip; None puts it into the folder of the run.
    """
    from nscweb.store.files import atomic_write

    found = get_run(app, run)
    path = out or app.folder.run_dir(found.run_id) / f"{found.run_id}.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    data = dashboard_data(app, found, filters)
    with (
        atomic_write(path) as stream,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive,
    ):
        for name, content in _members(app, data):
            archive.writestr(zipfile.ZipInfo(name, _STAMP), content, zipfile.ZIP_DEFLATED)
    return path


def _members(app: App, data: DashboardData) -> list[tuple[str, bytes]]:
    run = data.run
    members = [
        ("README.txt", readme(data).encode("utf-8")),
        ("cells.csv", cells_csv(app, run, data.filters)),
        ("samples.csv", samples_csv(data)),
        ("groups.csv", groups_csv(data)),
        ("provenance.json", provenance_json(app, run, data.filters)),
    ]
    try:
        card = json.dumps(card_to_dict(model_of_run(app, run).card), indent=2, ensure_ascii=False)
        members.append(("card.json", card.encode("utf-8")))
    except NscwebError:
        pass  # the model is gone; provenance still says which one it was
    return members + _of_the_study(app, run)


def _of_the_study(app: App, run: Run) -> list[tuple[str, bytes]]:
    from nscweb.services import study as studies

    study = study_of(app, run)
    if study is None:
        return []
    # As the run left cells out, whatever was set for the study since.
    gates = gates_of_run(run)
    members = [
        ("sample_sheet.csv", studies.export_sheet(app, study.study_id)),
        ("quality.csv", figure_csv(funnel(app, study.study_id, gates).assign(gates=gates.sentence()))),
    ]
    findings = app.folder.study_dir(study.study_id) / "findings.csv"
    if findings.exists():
        members.append(("findings.csv", findings.read_bytes()))
    return members


def readme(data: DashboardData) -> str:
    """The page in plain words: what this is, what the files hold, how numbers were made, what limits are."""
    run, made = data.run, data.run.provenance
    lines = [
        f"Predicted {data.classes.kind} ratios of the study {made.study}",
        "",
        NOTICE,
        *([SIMULATED] if made.simulated_cells else []),
        "",
        f"Run {run.run_id}, made {run.created_utc}, model {made.model} {made.model_version}",
        f"SHA-256 of the weights: {made.weights_sha256}",
        f"Channel: {made.channel}. Cells predicted: {data.cells:,}; behind the ratios: {data.kept:,}.",
        *(f"  left out: {count:,} - {reason}" for reason, count in data.dropped.items()),
        f"Quality gates: {gates_of_run(run).sentence(data.filters.exclude_flags)}",
        "",
        "Read this before the numbers",
        *_bullets(data.warnings),
        "",
        "Files",
        "  cells.csv         one line per cell: object number, scores, class, quality flags, counted or not",
        "  samples.csv       one line per sample: cells, counts and ratios of each class",
        "  groups.csv        one line per inducer group, time point and class",
        "  provenance.json   everything needed to repeat the run",
        "  card.json         the model card",
        "  sample_sheet.csv  what was said about the samples",
        "  quality.csv       cells imported, left out by each gate and kept, by sample",
        "  findings.csv      what was noticed at import, every skipped file with its reason",
        "",
        "How the numbers were made",
        "  A cell belongs to the class with the highest score. A ratio is the share of a class among the",
        "  counted cells of a sample. Replicates are the unit: mean, SD, SEM and the 95 % interval (low to",
        "  high) of a group are over replicates, never over pooled cells; with fewer than two replicates the",
        "  column method says what the interval is.",
        f"  Time points: {_times(data)}.",
        "",
        "Limits of the model",
        *_bullets(tuple(run.extra.get("limits", ()))),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _bullets(sentences: tuple[str, ...]) -> list[str]:
    return [f"  - {sentence}" for sentence in sentences] or ["  - nothing to say"]


def _times(data: DashboardData) -> str:
    return ", ".join(TimePoint(hours).label() for hours in data.options.times_h) or "not given"
