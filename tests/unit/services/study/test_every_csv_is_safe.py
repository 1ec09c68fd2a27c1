"""Whatever users call things, no cell of any table that leaves the program starts a formula, and no text is lost."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from asked import import_study, predict_study, run_zip
from predicted import fresh_app
from random_models import FATES

from nscweb.services.evaluate.evaluate import evaluate_run
from nscweb.services.evaluate.metrics_files import write_evaluation
from nscweb.services.report.features import features_csv
from nscweb.services.study.study import export_sheet, get_study, import_sheet, skipped_csv
from nscweb.simulation.small_tiff import tiff_bytes

EVIL = ['=HYPERLINK("http://example.org","x")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)"]
_NUMBER = re.compile(r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$")


def dangerous(data: bytes) -> list[str]:
    """Cells that a spreadsheet would run."""
    rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    starts = ("=", "+", "-", "@", "\t", "\r")
    return [cell for row in rows for cell in row if cell.lstrip().startswith(starts) and not _NUMBER.match(cell)]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """name -> bytes of every table that can be had of one study full of formulas."""
    folder = tmp_path_factory.mktemp("evil")
    app = fresh_app(folder / "data")
    rng = np.random.default_rng(0)
    path = folder / "=export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in [*EVIL, "plain 1", "plain 2"]:
            for number in range(6):
                pixels = rng.normal(800, 60, (40, 50)).clip(0, 4000).astype(np.uint16)
                member = f"{name.replace('/', '_')}/=x_{number}_Ch1.tif"
                archive.writestr(member, tiff_bytes(pixels, "Ch1"))
            archive.writestr(f"{name.replace('/', '_')}/=bad_9_Ch1.tif", b"=1+1")
    import_study(app, [path], "=study")
    study = get_study(app, "=study")
    table = [["sample", "group", "time", "replicate", "donor", "instrument", "true class", "@note"]]
    for number, sample in enumerate(study.samples):
        text = EVIL[number % len(EVIL)]
        table.append([sample.name, text, "3 d", f"-{number}r", f"+{text}", f"@{text}", FATES[number % 3], text])
    text = io.StringIO()
    csv.writer(text).writerows(table)
    update = import_sheet(app, "=study", text.getvalue().encode(), "=sheet.csv")
    assert update.changed == 6 and not update.rejected
    run = predict_study(app, "=study", "random")
    found = {"features.csv": features_csv(app, "=study"), "skipped.csv": skipped_csv(app, "=study")}
    found["sheet.csv"], found["sheet.xlsx"] = export_sheet(app, "=study"), export_sheet(app, "=study", "xlsx")
    with zipfile.ZipFile(run_zip(app, run, folder / "run.zip")) as archive:
        found |= {f"run/{name}": archive.read(name) for name in archive.namelist()}
    write_evaluation(evaluate_run(app, run, exclude_flags=()), folder / "evaluation")
    for file in (folder / "evaluation").rglob("*"):
        if file.is_file():
            found[f"evaluation/{file.name}"] = file.read_bytes()
    return found


def test_no_cell_of_any_csv_starts_a_formula(exported: dict[str, bytes]) -> None:
    tables = {name: data for name, data in exported.items() if name.endswith(".csv")}
    assert len(tables) >= 8, sorted(tables)
    for name, data in tables.items():
        assert dangerous(data) == [], name


def test_the_text_itself_is_kept(exported: dict[str, bytes]) -> None:
    for name in ("sheet.csv", "run/cells.csv", "run/samples.csv", "features.csv"):
        rows = csv.reader(io.StringIO(exported[name].decode("utf-8-sig"), newline=""))
        cells = {cell for row in rows for cell in row}
        assert all(f"'{text}" in cells for text in ("-2+3", "@SUM(A1)")), name


def test_a_workbook_holds_text_and_no_formula(exported: dict[str, bytes]) -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(exported["sheet.xlsx"])).active
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert all(cell.data_type == "s" for cell in cells)
    assert "-2+3" in {cell.value for cell in cells}


def test_every_line_of_the_findings_is_about_a_file_that_was_left_out(exported: dict[str, bytes]) -> None:
    rows = list(csv.DictReader(io.StringIO(exported["skipped.csv"].decode("utf-8-sig"), newline="")))
    skipped = [row for row in rows if row["level"] == "skip"]
    assert len(skipped) == 6 and rows[:6] == skipped
    assert {row["code"] for row in skipped} == {"E-IMG-NOT-IMAGE"}
    assert all(row["where"].endswith("=bad_9_Ch1.tif") and row["what_to_do"] for row in skipped)


def test_pages_and_texts_hold_no_live_markup(exported: dict[str, bytes], tmp_path: Path) -> None:
    for name, data in exported.items():
        if name.endswith((".html", ".svg")):
            assert b"<img src=x" not in data and b'href="http://example.org' not in data, name
