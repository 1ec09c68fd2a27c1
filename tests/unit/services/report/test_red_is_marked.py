"""A red sample prints no ratio in any file without its mark: every table of every form is walked."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from asked import write_report
from drawn_runs import drawn_run
from predicted import fresh_app

from nscweb.services.compare import staining_counts
from nscweb.services.predict.controls import use_controls

DOSES = {"no inducer": 0, "NGF 1": 1, "NGF 10": 10, "NGF 100": 100, "NGF 1000": 1000}
PURE = {"astrocyte": (1.0, 0.0, 0.0), "oligodendrocyte": (0.0, 1.0, 0.0), "neuron": (0.0, 0.0, 1.0)}
RED, GROUP, HOURS, REPLICATE = "NGF 10_24h_2", "NGF 10", 24.0, "2"
# Says how far a model is right about cells of known class; no ratio of a sample.
OF_KNOWN_CELLS = {"reliability", "Reliability", "known_mixtures", "Known mixtures"}
# Columns in per cent that are no ratio of fates.
NO_RATIO = re.compile(r"^(far|far_expected|kept|error_rate|left_out)_percent$|^calibration_error")
RATIO = re.compile(
    r"_percent$|^percent$|_points$|^odds_ratio|^ec50|^earliest_h$|_score$|^predicted_class$|^population$"
)


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("red")
    app = fresh_app(folder)
    shares = {
        (name, hours, number): [0.35 + 0.01 * number, 0.55 - place / 10, 0.1 + place / 10 + hours / 600]
        for place, name in enumerate(DOSES)
        for hours in (24.0, 72.0)
        for number in (1, 2, 3)
    }
    shares |= {(f"pure {name}", 24.0, number): list(share) for name, share in PURE.items() for number in (1, 2)}
    run = drawn_run(app, "Red (simulated)", shares, cells=60, lights={RED: "red"})
    samples = []
    for sample in app.catalogue.study(run.study_id).samples:
        pure = sample.group.removeprefix("pure ") if sample.group.startswith("pure ") else ""
        dose = (("dose (ng/ml)", str(DOSES[sample.group])),) if sample.group in DOSES else ()
        samples.append(sample.with_changes(true_class=pure, extra=dose, control=sample.group == "no inducer"))
    app.catalogue.update_samples(run.study_id, samples)
    use_controls(app, run.study_id, [sample.name for sample in samples if sample.true_class])
    count = staining_counts.Count(GROUP, HOURS, "neuron", "NeuN", 50.0, 200, "cells", "bench")
    staining_counts.set_counts(app, run.study_id, [count])
    wanted = ("zip", "xlsx", "html", "pop", "fcs", "cells")
    return {form: write_report(app, run, form, folder / f"r.{form}") for form in wanted}


def tables(path: Path) -> dict[str, pd.DataFrame]:
    """Every table of a zip, a workbook, or a CSV file."""
    if path.suffix == ".xlsx":
        book = openpyxl.load_workbook(path, read_only=True)
        found = {}
        for name in book.sheetnames:
            rows = [["" if cell is None else str(cell) for cell in row] for row in book[name].values]
            longest = max(map(len, rows))
            head, *rest = [row + [""] * (longest - len(row)) for row in rows]
            found[name] = pd.DataFrame(rest, columns=head)
        return found
    if path.suffix == ".cells":
        return {"cells.csv": pd.read_csv(path, dtype=str, keep_default_na=False)}
    with zipfile.ZipFile(path) as archive:
        return {
            name: pd.read_csv(io.BytesIO(archive.read(name)), dtype=str, keep_default_na=False)
            for name in archive.namelist()
            if name.endswith(".csv")
        }


def with_ratio(name: str, table: pd.DataFrame) -> bool:
    plain = name.rpartition("/")[2].removesuffix(".csv")
    ratios = [column for column in table.columns if RATIO.search(str(column)) and not NO_RATIO.search(str(column))]
    return bool(ratios) and plain not in OF_KNOWN_CELLS and plain not in ("columns", "Columns")


def of_red(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that a cell of the red sample had a part in."""
    rows = table
    if "sample" in table:
        return rows[rows["sample"] == RED]
    if "time_h" in table:
        rows = rows[[value in ("24", "24.0") for value in rows["time_h"]]]
    if "first_h" in table:
        rows = rows[rows["first_h"].astype(float) == HOURS]
    if "group" in table:
        sides = [column for column in ("group", "compared_with") if column in table]
        rows = rows[(rows[sides] == GROUP).any(axis=1)]
    if "dose" in table:
        rows = rows[rows["dose"].astype(float) == DOSES[GROUP]]
    if "replicate" in table:
        rows = rows[rows["replicate"].isin([REPLICATE, "", f"{REPLICATE}.0"])]
    return rows


@pytest.mark.parametrize("form", ["zip", "xlsx", "pop", "cells"])
def test_no_table_has_a_ratio_of_a_red_sample_without_its_mark(forms: dict[str, Path], form: str) -> None:
    walked = 0
    for name, table in tables(forms[form]).items():
        if not with_ratio(name, table):
            continue
        assert "trust_light" in table.columns, f"{name} has ratios and no trust light"
        rows = of_red(table)
        walked += len(rows)
        unmarked = rows[~rows["trust_light"].str.contains("do not trust|red", regex=True)]
        assert unmarked.empty, f"{name}: {unmarked.head(3).to_dict('records')}"
    assert walked > 0


def test_the_walk_would_find_a_table_without_a_mark(forms: dict[str, Path]) -> None:
    """Three tables of other kinds: of samples, of groups, of doses."""
    found = tables(forms["zip"])
    for name in ("samples.csv", "groups.csv", "doses.csv"):
        assert with_ratio(name, found[name])
        assert len(of_red(found[name]))


def test_fcs_files_and_the_page_carry_the_mark(forms: dict[str, Path]) -> None:
    page = forms["html"].read_text("utf-8")
    assert "do not trust" in page
    with zipfile.ZipFile(forms["fcs"]) as archive:
        name = next(name for name in archive.namelist() if "NGF_10_24h_2" in name)
        assert b"FitLight" in archive.read(name)
