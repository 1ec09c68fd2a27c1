"""Feature tables, populations, montages and image stacks arrive in a study in one process or several."""

from __future__ import annotations

import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from asked import import_study

from nscweb.core.errors import InputRefused, WrongUse
from nscweb.services.context import App
from nscweb.services.study import import_chunks, import_samples
from nscweb.services.study.study import ImportRequest, findings_of
from nscweb.store.cell_files import CellFile
from nscweb.store.further_columns import read_columns


def cell(seed: int, tile: int = 30) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:tile, :tile]
    image = rng.normal(160, 3, (tile, tile))
    image -= 70 * np.exp(-((rows - tile / 2) ** 2 + (columns - tile / 2) ** 2) / 2 / (tile / 8) ** 2)
    return image.astype(np.uint8)


def png(image: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".png", image)[1].tobytes())


def sample_of(app: App, study_id: str, cells: int) -> tuple[CellFile, object]:
    (key,) = app.catalogue.sample_keys(study_id).values()
    file = CellFile(app.folder.cells_path(study_id, key))
    assert len(file) == cells
    return file, read_columns(app.folder.columns_path(study_id, key), cells)


@pytest.fixture(params=["one process", "two processes"])
def app(request: pytest.FixtureRequest, opened: App, monkeypatch: pytest.MonkeyPatch) -> App:
    if request.param == "one process":
        return opened
    if sys.platform == "win32":
        pytest.skip("processes are started in another way there, which other tests cover")
    monkeypatch.setattr(import_chunks, "CHUNK_CELLS", 16)
    monkeypatch.setattr(import_samples, "FEW_CELLS", 1)
    return replace(opened, settings=replace(opened.settings, threads=2))


def test_features_and_populations_are_stored(app: App, tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(40):
            archive.writestr(f"RA_1d/x_{number}_Ch1.png", png(cell(number)))
        rows = "".join(f"{number}\t{number},5\tname {number}\r\n" for number in range(38))
        archive.writestr("RA_1d/features.txt", "Object Number\tArea_M01\tNote\r\n" + rows)
        archive.writestr("RA_1d/Focused.pop", "\n".join(str(number) for number in range(0, 40, 2)))
        archive.writestr("RA_1d/movie.avi", b"RIFF")
    report = import_study(app, [path], "tables")
    assert (report.members, report.imported, report.ignored, report.skipped) == (43, 40, 2, 1)
    assert report.members == report.images + report.ignored + report.skipped
    _, columns = sample_of(app, report.study_id, 40)
    np.testing.assert_array_equal(columns["Area_M01"], [*(np.arange(38) + 0.5), np.nan, np.nan])
    assert columns["Note"].tolist() == [f"name {number}" for number in range(38)] + ["", ""]
    assert [list(tags) for tags in columns["populations"]] == [["Focused"], []] * 20
    codes = [finding.code for finding in findings_of(app, "tables")]
    assert codes.count("N-TABLE-JOINED") == codes.count("W-TABLE-NO-ROW") == codes.count("E-FMT-VIDEO") == 1


def test_montages_become_cells(app: App, tmp_path: Path) -> None:
    folder = tmp_path / "G1"
    folder.mkdir()
    for channel in (3, 4):
        for number in (1, 2, 3):
            tiles = np.array([cell(100 * number + k) for k in range(20 if number < 3 else 7)])
            whole = np.zeros((20, 30, 30), np.uint8)
            whole[: len(tiles)] = tiles
            image = whole.reshape(5, 4, 30, 30).swapaxes(1, 2).reshape(150, 120)
            (folder / f"Ch{channel}_CP{number:04d}.png").write_bytes(png(image))
    report = import_study(app, [folder], "montages", channel="Ch3")
    assert (report.members, report.images, report.imported, report.skipped) == (6, 6, 47, 0)
    file, _ = sample_of(app, report.study_id, 47)
    assert file.object_numbers.tolist() == list(range(1, 48))
    codes = [finding.code for finding in findings_of(app, "montages")]
    assert codes.count("N-MONTAGE-TILE") == codes.count("N-MONTAGE-FILLER") == 1
    with pytest.raises(InputRefused, match="grid of tiles of 29"):
        import_study(app, [folder], "wrong size", tile_px=29)
    with pytest.raises(WrongUse, match="per side"):
        import_study(app, [folder], "no size", tile_px=3)
    assert import_study(app, [folder], "given", tile_px=30).imported == 47
    assert ImportRequest((), "").tile_px is None


def test_image_stacks_with_masks(app: App, tmp_path: Path) -> None:
    images = np.array([cell(number) for number in range(40)])
    with h5py.File(tmp_path / "RA_1d.rtdc", "w") as file:
        file["events/image"] = images
        file["events/mask"] = images[:35] < 120
        file["events/deform"] = np.arange(40) / 100
    report = import_study(app, [tmp_path / "RA_1d.rtdc"], "stack")
    stored, columns = sample_of(app, report.study_id, 40)
    assert stored.has_masks and columns["deform"].tolist() == (np.arange(40) / 100).tolist()


def test_merged_colour_pictures_alone_are_refused(opened: App, tmp_path: Path) -> None:
    for number in range(3):
        image = np.random.default_rng(number).integers(0, 255, (30, 30, 3)).astype(np.uint8)
        (tmp_path / f"x_{number}_3_colour.png").write_bytes(png(image))
    with pytest.raises(WrongUse) as caught:
        import_study(opened, [tmp_path], "merged")
    assert caught.value.code == "E-CHANNEL-MERGED"
    assert import_study(opened, [tmp_path], "merged", channel="3_colour").imported == 3
