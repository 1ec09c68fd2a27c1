"""Every kind of input in a real browser: export zip, `.cif`, `.npz` and a field of view, to pictures and gates."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_server import SHOTS, Server
from simulated_field import simulated_field, write_field

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import expect
from walker import JOB, Walker


@pytest.fixture(scope="module")
def walker(server: Server, chromium: object) -> Iterator[Walker]:
    walker = Walker(chromium, server.address, SHOTS)  # type: ignore[arg-type]
    yield walker
    walker.close()


def bring_in(walker: Walker, files: list[Path], name: str, imported: str) -> None:
    """Upload, name, import, and wait for the sentence that counts the cells."""
    start(walker, files, name)
    walker.press("Import")
    walker.sees(imported, timeout=JOB)
    walker.settle()


def start(walker: Walker, files: list[Path], name: str) -> None:
    walker.open("study")
    if not walker.page.get_by_test_id("stFileUploaderDropzone").locator("visible=true").count():
        walker.page.get_by_text("New study: bring in cells").click()
    walker.upload("Zip or images", files)
    walker.sees("ready to import")
    walker.page.get_by_label("Name of the study").fill(name)
    walker.page.keyboard.press("Tab")


def pictures_and_gates(walker: Walker, shot: str, pictures: int) -> None:
    """Contact sheet, then the gates with histogram and examples, both kept as pictures."""
    walker.tab("Pictures")
    expect(walker.page.locator("[role=tabpanel] figure.nsc-cell img")).to_have_count(pictures, timeout=60_000)
    walker.shot(f"{shot}_pictures")
    walker.tab("Gates")
    walker.sees("This gate keeps")
    walker.page.wait_for_selector(".js-plotly-plot")
    walker.settle()
    walker.shot(f"{shot}_gates")


def test_an_export_zip_reaches_gates_that_are_kept(walker: Walker, shared: Path, tmp_path: Path) -> None:
    packed = tmp_path / "ideas_export.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((shared / "data/ideas_ometif").glob("*.tif")):
            archive.write(path, f"{path.name.split('_')[0]}/{path.name}")
    bring_in(walker, [packed], "IDEAS zip", "Imported: 24 cells in 2 samples")
    pictures_and_gates(walker, "30_zip", 12)
    walker.choose("Gate", "Size")
    handle = walker.page.get_by_role("slider").first
    handle.focus()
    for _ in range(40):
        handle.press("ArrowRight")
    walker.settle()
    walker.press("Save gates")
    walker.sees("Gates saved")
    walker.settle()
    walker.shot("31_zip_gates_saved")


def test_a_cif_reaches_pictures_and_gates(walker: Walker, shared: Path) -> None:
    bring_in(walker, [shared / "data/cif/example.cif"], "CIF", "Imported: 111 cells in 1 sample")
    walker.sees("0.5 µm")
    pictures_and_gates(walker, "32_cif", 48)


def test_an_npz_reaches_pictures_and_gates(walker: Walker, shared: Path) -> None:
    bring_in(
        walker, [shared / "data/jurkat_cycle/brightfield_tiles.npz"], "Jurkat", "Imported: 2,278 cells in 7 samples"
    )
    pictures_and_gates(walker, "33_npz", 9)  # Anaphase comes first


def test_a_field_of_view_is_cut_into_cells_after_a_preview(walker: Walker, tmp_path: Path) -> None:
    field = simulated_field(seed=3, cells=30)
    path = write_field(tmp_path / "simulated_field.tif", field.pixels)
    start(walker, [path], "Field (simulated)")
    walker.page.get_by_text("Options", exact=True).click()
    walker.page.get_by_text("These images are whole fields of view").click()
    walker.sees("cells found", timeout=JOB)
    walker.settle()
    walker.shot("34_field_preview")
    walker.press("Import")
    walker.sees("Imported: ", timeout=JOB)
    walker.settle()
    walker.sees("Simulated data")
    pictures_and_gates(walker, "35_field", field.cells)


def test_the_log_has_no_traceback(walker: Walker, server: Server) -> None:
    assert walker.foreign_requests() == []
    assert "Traceback" not in server.read_log()
