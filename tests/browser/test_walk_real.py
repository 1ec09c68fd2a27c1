"""Real images in a real browser: uploaded, predicted with the shipped model, seen with maps, taken away as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_server import SHOTS, Server

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from walker import JOB, Walker

SIMULATED_TRAINING = "trained on simulated cells only"
UNLIKE = "unlike"


@pytest.fixture(scope="module")
def walker(project: Path, server: Server, chromium: object) -> Iterator[Walker]:
    if not any((project / "weights").glob("*/card.json")):
        pytest.skip("no shipped weights in this checkout, so real images cannot be predicted")
    walker = Walker(chromium, server.address, SHOTS)  # type: ignore[arg-type]
    yield walker
    walker.close()


@pytest.mark.parametrize(
    ("name", "folder", "pattern", "cells", "samples"),
    [("Zhu 2021", "data/zhu2021/named_bmp", "*.bmp", 12, 3), ("IDEAS export", "data/ideas_ometif", "*.tif", 24, 2)],
)
def test_a_real_export_reaches_maps_and_csv_with_both_warnings(
    walker: Walker, shared: Path, tmp_path: Path, name: str, folder: str, pattern: str, cells: int, samples: int
) -> None:
    files = sorted((shared / folder).glob(pattern))
    walker.open("study")
    if not walker.page.get_by_test_id("stFileUploaderDropzone").locator("visible=true").count():
        walker.page.get_by_text("New study: bring in cells").click()
    walker.upload("Zip or images", files)
    walker.sees(f"{len(files)} files")
    walker.page.get_by_label("Name of the study").fill(name)
    walker.page.keyboard.press("Tab")
    walker.press("Import")
    walker.sees(f"Imported: {cells} cells in {samples} samples", timeout=JOB)
    walker.settle()
    walker.shot(f"20_{name.split()[0].lower()}_study")

    walker.go("Predict")
    walker.press("Run prediction")
    walker.sees("Read this before the numbers", timeout=JOB)
    walker.sees(SIMULATED_TRAINING)
    walker.sees(UNLIKE)
    walker.settle()
    walker.shot(f"21_{name.split()[0].lower()}_predict")

    walker.go("Cells")
    walker.sees("are shown." if cells > 24 else f"{cells} cells match")
    assert walker.page.locator("figure.nsc-cell img").count() == 2 * min(cells, 24)
    walker.sees(SIMULATED_TRAINING)
    walker.sees(UNLIKE)
    walker.shot(f"22_{name.split()[0].lower()}_cells")

    walker.go("Report")
    walker.sees(UNLIKE)
    rows = list(csv.DictReader(io.StringIO(walker.download("Cells (CSV)", tmp_path).read_text("utf-8-sig"))))
    assert len(rows) == cells
    assert {row["simulated"] for row in rows} == {"no"}


def test_the_box_names_the_study_whose_data_are_shown(walker: Walker, shared: Path) -> None:
    """On every page in turn, also when a sidebar link leads there: the older of two studies stays the chosen one."""
    walker.open("study?study=s000001")
    walker.settle()
    for page in ("Predict", "Cells", "Study", "Report", "Predict", "Study"):
        walker.go(page)
        walker.settle()
        assert "study=s000001" in walker.page.url
        # The chosen entry is text or the value of an input, depending on the version of the box.
        walker.page.wait_for_function(
            """() => { const box = document.querySelector(".st-key-nsc_study_box");
            return box && [box.innerText, ...[...box.querySelectorAll("input")].map(i => i.value)]
            .join(" ").includes("Zhu 2021"); }""",
            timeout=30_000,
        )


def test_quick_look_on_a_real_image_warns_and_stores_nothing(walker: Walker, shared: Path) -> None:
    walker.open()
    before = walker.page.locator(".st-key-study_s000001").count()
    walker.upload("Drop up to", sorted((shared / "data/zhu2021/named_bmp").glob("*.bmp"))[:3])
    walker.page.wait_for_selector("figure.nsc-cell img", timeout=90_000)
    walker.sees(SIMULATED_TRAINING)
    assert walker.page.locator("figure.nsc-cell").count() == 3
    assert walker.page.locator(".st-key-study_s000001").count() == before
    walker.shot("23_quick_look")


def test_the_server_log_has_no_traceback(walker: Walker, server: Server) -> None:
    assert walker.foreign_requests() == []
    assert "Traceback" not in server.read_log()
