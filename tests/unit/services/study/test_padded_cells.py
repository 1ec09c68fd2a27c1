"""What an import makes of padded cells and of negative ones: cut off, left out by their reason, or counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from nscweb.core.errors import InputRefused
from nscweb.services.context import App
from nscweb.services.study.import_request import ImportReport, ImportRequest
from nscweb.services.study.quality import quality_table
from nscweb.services.study.study_import import import_study


def imported(app: App, path: Path) -> tuple[ImportReport, list[int], set[tuple[int, int]]]:
    report = import_study(app, ImportRequest((path,), path.name))
    assert report.members == report.images + report.skipped + report.ignored
    (sample,) = app.catalogue.study(path.name).samples
    table = quality_table(app, path.name, sample.name)
    frames = set(zip(table["height"].tolist(), table["width"].tolist(), strict=True))
    return report, table["flags"].tolist(), frames


def codes(report: ImportReport) -> list[str]:
    return sorted(finding.code for finding in report.findings if "PADDED" in finding.code)


@pytest.mark.parametrize("case", ["img_zero_padded", "img_white_padded"])
def test_a_frame_of_one_value_is_cut_off(case: str, opened: App, shared: Path) -> None:
    report, flags, frames = imported(opened, shared / "cases" / case)
    assert report.imported == 4
    assert codes(report) == ["W-CELL-PADDED"] * 4
    assert all(width == 60 for _, width in frames)
    assert not any(flag & 16 for flag in flags)


@pytest.mark.parametrize("case", ["img_float_bgsub", "img_scanr_int16", "img_neg_float_-1_1", "img_neg_int8_of_imagej"])
def test_negative_images_are_counted(case: str, opened: App, shared: Path) -> None:
    report, flags, _ = imported(opened, shared / "cases" / case)
    assert report.imported == 4
    # The same four cells without negative values; the second of them is a pale one.
    assert flags == imported(opened, shared / "cases" / "img_ome_renamed")[1]
    assert flags.count(0) == 3


def test_masked_cells_are_left_out_by_their_reason_with_all_channels(opened: App, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(4):
        image = rng.normal(180, 3, (40, 60))
        image[12:28, 22:38] -= 60
        image = image.astype(np.uint8)
        if number == 2:
            y, x = np.mgrid[:40, :60]
            image[np.hypot(y - 20, x - 30) > 15] = 0
        tifffile.imwrite(tmp_path / f"c_{number}_Ch1.tif", image)
        tifffile.imwrite(tmp_path / f"c_{number}_Ch2.tif", np.zeros((40, 60), np.uint8))
    report = import_study(opened, ImportRequest((tmp_path,), "masked", channel="Ch1"))
    assert (report.imported, report.images, report.skipped) == (3, 6, 2)
    assert codes(report) == ["E-CELL-PADDED"] * 2


@pytest.mark.parametrize(
    ("case", "said"),
    [("img_masked_zero", "padded with one value"), ("img_hw3_pages", "axes were stored in another order")],
)
def test_what_cannot_be_used_is_refused_by_its_true_reason(opened: App, shared: Path, case: str, said: str) -> None:
    with pytest.raises(InputRefused, match=said):
        import_study(opened, ImportRequest((shared / "cases" / case,), case))
