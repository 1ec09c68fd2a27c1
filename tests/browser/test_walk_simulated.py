"""The whole road in a real browser: upload, sample sheet, predict, dashboard, cells, evaluate, downloads."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from random_models import write_random_model
from real_server import SHOTS, Server

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from walker import JOB, Walker

from nscweb.services.study.simulate import simulate

CELLS = 324
MODEL = "random-compact"
FATES = ("astrocyte", "oligodendrocyte", "neuron")


@pytest.fixture(scope="module")
def walker(server: Server, chromium: object) -> Iterator[Walker]:
    write_random_model(server.data / "models" / MODEL)
    walker = Walker(chromium, server.address, SHOTS)  # type: ignore[arg-type]
    yield walker
    walker.close()


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    simulate(
        folder / "Screen 1.zip", cells=CELLS, seed=3, truth=folder / "truth.csv", pure=True, channels=("Ch1", "Ch2")
    )
    return folder


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"))))


def test_upload_becomes_a_study_with_nothing_lost(walker: Walker, export: Path) -> None:
    walker.open()
    walker.sees("No study yet")
    walker.shot("01_home_empty")
    walker.go("Study")
    walker.upload("Zip or images", [export / "Screen 1.zip"])
    walker.sees("ready to import")
    walker.shot("02_upload")
    walker.press("Import")
    walker.sees(f"Imported: {CELLS} cells", timeout=JOB)
    walker.sees("Simulated data")
    walker.settle()
    walker.shot("03_sample_sheet")


def test_the_sample_sheet_is_edited_in_place_and_by_file(walker: Walker, export: Path, tmp_path: Path) -> None:
    walker.edit_cell(across=0.2, row=1, text="My inducer", then="Changes are not saved yet.")
    walker.press("Save sheet")
    walker.sees(re.compile(r"Saved: 1 of \d+ samples changed"))
    walker.unfold("Sheet as a file", "Sheet (CSV)")
    sheet = read(walker.download("Sheet (CSV)", tmp_path))
    assert [row["group"] for row in sheet].count("My inducer") == 1
    truth = {row["sample"]: row["fate"] for row in read(export / "truth.csv")}
    filled = tmp_path / "filled.csv"
    with filled.open("w", newline="") as out:
        table = csv.writer(out)
        table.writerow(["sample", "true class"])
        table.writerows([row["sample"], truth[row["sample"]]] for row in sheet)
    walker.upload("Upload a filled sheet", [filled])
    walker.sees(f"Saved: {len(sheet)} of {len(sheet)} samples changed")


def test_pictures_and_quality_are_shown(walker: Walker) -> None:
    walker.tab("Pictures")
    walker.sees("Display scaling")
    assert walker.page.locator("figure.nsc-cell img").count() > 0
    walker.shot("04_pictures")
    walker.tab("Quality")
    walker.sees("Counted by default")
    walker.shot("05_quality")
    walker.tab("What was noticed")
    walker.sees("N-SIMULATED")
    walker.shot("06_noticed")


def test_prediction_runs_as_a_job_and_survives_a_reload(walker: Walker) -> None:
    walker.go("Predict")
    walker.press("Model card")
    walker.sees("Where it stops")
    walker.page.keyboard.press("Escape")
    walker.press("Run prediction")
    walker.page.wait_for_url(re.compile(r"job=j|run=r"), timeout=60_000)
    walker.page.reload()
    walker.sees("Ratios over time in each inducer group", timeout=JOB)
    walker.settle()
    walker.page.locator("summary", has_text="Read this before the numbers").click()
    walker.sees("trained on simulated cells only")
    walker.page.wait_for_selector(".js-plotly-plot .main-svg", timeout=60_000)
    walker.settle()
    walker.shot("07_dashboard")


def test_a_figure_is_saved_with_its_data(walker: Walker, tmp_path: Path) -> None:
    rows = read(walker.download("Data of this figure (CSV)", tmp_path))
    assert rows and {"group", "time_h", "class", "percent"} <= set(rows[0])
    first = walker.page.locator(".js-plotly-plot").first
    with walker.page.expect_download(timeout=60_000) as waiting:
        first.hover()
        first.get_by_role("button", name="Download plot").click()
    picture = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(picture)
    assert picture.suffix == ".svg" and "<svg" in picture.read_text("utf-8")


def test_groups_are_compared_in_every_tab(walker: Walker) -> None:
    walker.go("Compare")
    walker.page.wait_for_selector(".js-plotly-plot .main-svg", timeout=60_000)
    walker.page.get_by_text("Lay the published immunofluorescence over it").click()
    walker.sees("a landmark, not the truth")
    walker.settle()
    walker.shot("08_compare_reference")
    for number, tab in enumerate(("Replicates and tests", "Time course", "Scores", "Fit of the model")):
        walker.tab(tab)
        walker.shot(f"08_compare_{number}")


def test_cells_are_shown_with_maps(walker: Walker, tmp_path: Path) -> None:
    walker.go("Cells")
    walker.sees("are shown.")
    assert walker.page.locator("figure.nsc-cell").count() == 24
    assert walker.page.locator("figure.nsc-cell img").count() == 48
    walker.shot("09_cells")
    walker.choose("Predicted as", "neuron")
    rows = read(walker.download("These cells (CSV)", tmp_path))
    assert rows and {row["predicted_class"] for row in rows} == {"neuron"}


def test_evaluation_shows_confusion_curves_and_shortcuts(walker: Walker) -> None:
    walker.go("Evaluate")
    for heading in ("Confusion", "Curves", "Time by time", "Shortcut check"):
        walker.sees(heading)
    walker.page.wait_for_timeout(800)
    walker.shot("10_evaluate")


def test_models_and_report_give_everything_away(walker: Walker, tmp_path: Path) -> None:
    walker.go("Models")
    walker.sees("Where it stops")
    walker.shot("11_models")
    walker.go("Report")
    rows = read(walker.download("Cells (CSV)", tmp_path))
    assert len(rows) == CELLS
    assert all(row["simulated"] == "yes" for row in rows)
    assert all(
        abs(sum(float(row[f"{name}_score"]) for name in ("astrocyte", "oligodendrocyte", "neuron")) - 1) < 1e-3
        for row in rows
    )
    walker.press("Make: Everything (ZIP)")
    assert walker.download("Everything (ZIP)", tmp_path).read_bytes()[:2] == b"PK"
    walker.shot("12_report")


def test_the_address_alone_brings_the_same_page_back(walker: Walker) -> None:
    address = walker.page.url
    assert "study=s" in address and "run=r" in address
    walker.page.goto(address)
    walker.sees("What made this run")
    walker.go("Home")
    walker.sees("Screen 1")
    walker.shot("13_home")


def test_nothing_outside_the_app_was_asked_for(walker: Walker, server: Server) -> None:
    assert walker.foreign_requests() == []
    assert "Traceback" not in server.read_log()
