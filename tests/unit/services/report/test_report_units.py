"""Files of a report say in which unit a number is, and over which comparisons a p value was adjusted."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from asked import write_report
from drawn_runs import drawn_held_out, drawn_run, grid
from predicted import predicted

from nscweb.services.compare import ratios
from nscweb.services.context import App


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    found = predicted()
    path = write_report(found.app, found.run, "zip", tmp_path_factory.mktemp("units") / "r.zip", method="naive")
    with zipfile.ZipFile(Path(path)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def table(archive: dict[str, bytes], name: str) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(archive[name]))


def test_files_hold_per_cent_points_and_few_digits(archive: dict[str, bytes]) -> None:
    told = table(archive, "columns.csv").set_index("column")
    assert told.loc["neuron_score", "meaning"] == "calibrated score of neuron, 0 to 1"
    groups, drawn = table(archive, "groups.csv"), table(archive, "figures/means_over_time.csv")
    assert groups["mean_percent"].max() > 1 and sorted(groups["mean_percent"]) == sorted(drawn["percent"])
    for column in ("mean_percent", "low_percent", "high_percent", "counted_percent"):
        assert told.loc[column, "unit"] == "%" and (groups[column].round(2) == groups[column]).all(), column
    assert told.loc["difference_points", "unit"] == "points"
    assert table(archive, "cells.csv")["highest_score"].between(0, 1).all()
    readme = archive["README.txt"].decode()
    assert "per cent with two decimals" in readme and "columns.csv" in readme


def test_sheets_with_the_same_pairs_say_which_family_their_p_values_are_of(
    opened: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = drawn_held_out((24.0, 72.0), cells=900)
    monkeypatch.setattr(ratios, "known_cells", lambda app, run: held)
    run = drawn_run(opened, "Units", grid(3, (24.0, 72.0), 3), cells=150)
    path = write_report(opened, run, "zip", tmp_path / "r.zip")
    with zipfile.ZipFile(path) as zipped:
        archive = {name: zipped.read(name) for name in zipped.namelist()}
    book = openpyxl.load_workbook(io.BytesIO(archive["report.xlsx"]))
    said: dict[str, str] = {}
    for key, value in book["About"].iter_rows(max_col=2, values_only=True):
        said.setdefault(str(key), str(value))
    every = table(archive, "all_comparisons.csv")
    number = int(every["comparisons"].max())
    for name in ("Tests", "All comparisons"):
        note = book[name]["A1"].comment
        assert note is not None and note.text.split(" This column: ")[0] in said[name]
    one, all_ = book["Tests"]["A1"].comment.text, book["All comparisons"]["A1"].comment.text
    assert one.startswith("p_adjusted is adjusted by Holm within one class at one time point (")
    assert "(3 comparisons)" in one and number == 18
    assert f"({number:,} comparisons: {every['adjusted_over'].iloc[0]})" in all_
    readme = archive["README.txt"].decode()
    assert f"tests.csv: {one.split(' This column: ')[0]}" in readme
