"""What the pages show and what the files say are equal: every table and figure of Predict and Compare, row by row."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import streamlit as st
from app_walk import Walk, is_healthy, texts
from asked import write_report
from columns_known import unknown
from drawn_runs import drawn_run

from nscweb.core.columns import COLUMNS
from nscweb.core.run_record import Run
from nscweb.services.compare import staining_counts
from nscweb.services.context import App
from nscweb.services.predict.controls import use_controls
from nscweb.services.report.figure_data import FIGURES
from nscweb.services.report.parts import BY_NAME, PARTS
from nscweb.services.report.rerun_compare import _apart, _plain
from nscweb.ui import figures
from nscweb.ui.compare.tabs import TABS

DOSES = {"no inducer": 0, "NGF 1": 1, "NGF 10": 10, "NGF 100": 100, "NGF 1000": 1000}
PURE = {"astrocyte": (1.0, 0.0, 0.0), "oligodendrocyte": (0.0, 1.0, 0.0), "neuron": (0.0, 0.0, 1.0)}
# End of the name of a download of the pages -> file of the zip that holds the same rows.
SAME = {
    "replicates": "figures/replicates_and_means.csv",
    "differences": "figures/differences.csv",
    "heat_map": "figures/means_over_time.csv",
    "over_time": "figures/replicates_and_means.csv",
    "ratios_stacked": "figures/ratios_stacked.csv",
    "samples": "samples.csv",
    "groups": "groups.csv",
    "all_comparisons": "all_comparisons.csv",
    "means_and_spread": "means_and_spread.csv",
    "anova": "anova.csv",
    "equivalence": "equivalence.csv",
    "replicates_needed": "replicates_needed.csv",
    "odds": "odds.csv",
    "counted_cells": "counted_cells.csv",
    "time_course": "time_course.csv",
    "earliest_day": "earliest_day.csv",
    "first_against_last": "first_against_last.csv",
    "dose_response": "doses.csv",
    "dose_curves": "dose_curves.csv",
    "class_sets": "sets_by_group.csv",
    "class_sets_samples": "sets_by_sample.csv",
    "reliability": "reliability.csv",
    "fitness": "fit_numbers.csv",
}
# Figures that share a name with another one of the same page, told apart by their key.
BY_KEY = {"statistics_differences_csv": "figures/all_differences.csv"}


@dataclass(frozen=True)
class Download:
    """A button of a page."""

    key: str
    name: str
    data: bytes


@pytest.fixture
def run(app: App) -> Run:
    shares = {
        (name, hours, number): [0.35 + 0.01 * number, 0.55 - place / 10, 0.1 + place / 10 + hours / 600]
        for place, name in enumerate(DOSES)
        for hours in (24.0, 72.0)
        for number in (1, 2, 3)
    }
    shares |= {(f"pure {name}", 24.0, number): share for name, share in PURE.items() for number in (1, 2)}
    made = drawn_run(app, "Every table (simulated)", shares, cells=60, lights={"NGF 10_24h_2": "yellow"})
    samples = []
    for sample in app.catalogue.study(made.study_id).samples:
        pure = sample.group.removeprefix("pure ") if sample.group.startswith("pure ") else ""
        dose = (("dose (ng/ml)", str(DOSES[sample.group])),) if sample.group in DOSES else ()
        control = sample.group == "no inducer"
        samples.append(sample.with_changes(true_class=pure, extra=dose, control=control))
    app.catalogue.update_samples(made.study_id, samples)
    for number, item in enumerate(made.extra["fitness"]):
        item["figures"] = {"embedding": {"value": 0.7, "typical": 0.7, "t": 0.1 * number, "p": 0.9, "samples": 54}}
    app.catalogue.add_run(made)
    use_controls(app, made.study_id, [sample.name for sample in samples if sample.true_class])
    counted = [staining_counts.Count("NGF 10", 72.0, "neuron", "NeuN", 50.0, 200, "cells", "bench")]
    staining_counts.set_counts(app, made.study_id, counted)
    return made


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[Download]:
    """Every download button that a page draws from now on."""
    found: list[Download] = []
    real = st.download_button

    def draw(label: str, data: Any, *args: Any, **options: Any) -> Any:
        content = data() if callable(data) else data
        found.append(Download(str(options.get("key")), str(options.get("file_name")), content))
        return real(label, data, *args, **options)

    monkeypatch.setattr(st, "download_button", draw)
    assert figures.st.download_button is draw
    return found


@pytest.fixture
def heads(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of the columns of every table that a page draws from now on."""
    found: set[str] = set()
    real = st.dataframe

    def draw(table: Any = None, *args: Any, **options: Any) -> Any:
        found.update(str(name) for name in getattr(table, "columns", ()))
        return real(table, *args, **options)

    monkeypatch.setattr(st, "dataframe", draw)
    return found


@pytest.fixture
def files(app: App, run: Run, tmp_path: Path) -> dict[str, bytes]:
    path = write_report(app, run, "zip", tmp_path / "all.zip")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def read(content: bytes) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)


def rows(table: pd.DataFrame, columns: list[str]) -> list[tuple[Any, ...]]:
    return [tuple(_plain(value) for value in row) for row in table[columns].itertuples(index=False)]


def holds(file: pd.DataFrame, page: pd.DataFrame) -> list[str]:
    """What of a page is not in the file: columns, then rows with all their values."""
    lost = [column for column in page.columns if column not in file.columns]
    if lost:
        return [f"no column {column}" for column in lost]
    columns = list(page.columns)
    text = [column for column in columns if not all(isinstance(_plain(v), float | None) for v in page[column])]
    there: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    for name, values in zip(rows(file, text), rows(file, columns), strict=True):
        there.setdefault(name, []).append(values)
    missing = []
    for name, values in zip(rows(page, text), rows(page, columns), strict=True):
        same = (all(_apart(a, b) <= 1e-9 for a, b in zip(values, other, strict=True)) for other in there.get(name, []))
        if not any(same):
            missing.append(f"no row {dict(zip(columns, values, strict=True))}")
    return missing


def test_every_table_and_figure_of_the_pages_is_in_the_zip_with_the_same_numbers(
    walk: Walk, data_folder: Path, app: App, run: Run, files: dict[str, bytes], taken: list[Download], heads: set[str]
) -> None:
    visit(walk, run)
    seen = set()
    for download in taken:
        stem = download.name.removeprefix(f"{run.run_id}_").removesuffix(".csv").replace("_simulated", "")
        stem = "reliability" if download.key.startswith("reliability_figure") else stem
        file = BY_KEY.get(download.key) or SAME[stem]
        seen.add(file)
        assert holds(read(files[file]), read(download.data)) == [], (download.key, file)
    assert seen == {*SAME.values(), *BY_KEY.values()}
    says_what_made_it(run, files)
    # Names of the dictionary, or its labels where a table of a page puts several numbers into one field.
    labels = {row.label for row in COLUMNS.values()}
    sets = [name for name in heads if " or " in name or name == "none of these"]
    assert len(heads) > 40 and not set(unknown(heads, run.class_names)) - labels - {*run.class_names, *sets, " "}


def visit(walk: Walk, run: Run) -> None:
    """Predict, and every tab of Compare, for two fates and with everything unfolded that is folded."""
    for page in ("predict", "compare"):
        test = walk(f"pages/{page}.py", study=run.study_id, run=run.run_id)
        assert is_healthy(test), texts(test)
        if page == "predict":
            level = next(item for item in test.segmented_control if item.label == "One row for each")
            assert is_healthy(level.set_value("sample").run())
            continue
        for fate in ("neuron", "astrocyte"):
            test = next(item for item in test.selectbox if item.label == "Which fate").select(fate).run()
            for name in TABS:
                test.session_state[f"compare_tab_{run.run_id}"] = name
                test = test.run()
                assert is_healthy(test), texts(test)
                toggle = [item for item in test.toggle if item.label == "Show the model" and not item.value]
                if toggle:
                    test = toggle[0].set_value(True).run()


def says_what_made_it(run: Run, files: dict[str, bytes]) -> None:
    """Every file of the zip, with the light of what it is about."""
    lacking = [part.file for part in PARTS if part.file not in files]
    # The model of drawn scores is not installed, and nothing was imported.
    assert lacking == ["known_mixtures.csv", "markers_and_medium.csv", "markers_and_prediction.csv"]
    assert "Known mixtures: The model of this run" in files["README.txt"].decode("utf-8")
    assert {f"figures/{name}.csv" for name in FIGURES} - set(files) == {"figures/published_counts.csv"}
    for name, content in files.items():
        # columns.csv is about columns, not about cells.
        if name.endswith(".csv") and name not in (BY_NAME["Sample sheet"].file, "columns.csv"):
            table = read(content)
            assert {"model", "run", "simulated"} <= set(table.columns), name
            assert table.empty or set(table["run"]) == {run.run_id}
            assert table.empty or set(table["simulated"]) == {"yes"}
    lit = [part.file for part in PARTS if part.name not in ("Reliability", "Findings", "Sample sheet")]
    for name in [name for name in files if name in lit or name.startswith("figures/")]:
        assert "trust_light" in read(files[name]).columns, name
    # A line is marked by the worst of its samples.
    table = read(files["all_comparisons.csv"])
    marked = table[table["trust_light"] == "yellow"]
    assert set(zip(marked["group"], marked["time_h"], strict=True)) == {("NGF 10", "24.0")}
    course = read(files["time_course.csv"])
    assert set(course.loc[course["trust_light"] == "yellow", "group"]) == {"NGF 10"}
    days = read(files["earliest_day.csv"])
    assert set(days.loc[days["trust_light"] == "yellow", "group"]) == {"NGF 10"}
    samples = read(files["sets_by_sample.csv"])
    assert set(samples.loc[samples["trust_light"] == "yellow", "sample"]) == {"NGF 10_24h_2"}
