"""A finding says where: with several zips or folders, also in which of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.survey.survey import survey


def test_with_several_sources_a_place_names_its_source(
    tmp_path: Path, tiff: Any, make_zip: Callable[..., Path], take: Callable[..., Any]
) -> None:
    members = [("s/x_1_Ch1.tif", tiff()), ("s/x_2_Ch1.tif", b""), ("s/x_3_Ch1.tif", b"hello")]
    zips = [make_zip(members, "a.zip"), make_zip(members, "b.zip")]
    folder = tmp_path / "c"
    (folder / "s").mkdir(parents=True)
    for name, data in members:
        (folder / name).write_bytes(data)
    loose = tmp_path / "x_7_Ch1.tif"
    loose.write_bytes(b"nothing")
    imported = take(*zips, folder, loose)
    skipped = [finding.where for finding in imported.log if finding.level == "skip"]
    assert sorted(skipped) == [
        *(f"{source}/s/x_{n}_Ch1.tif" for source in ("a.zip", "b.zip", "c") for n in (2, 3)),
        "x_7_Ch1.tif",
    ]
    assert {cell.source for cell in imported.all_cells} == {
        f"{source}/s/x_1_Ch1.tif" for source in ("a.zip", "b.zip", "c")
    }


def test_with_one_source_a_place_is_the_name_inside_it(tiff: Any, make_zip: Callable[..., Path]) -> None:
    path = make_zip([("s/x_1_Ch1.tif", tiff()), ("s/x_3_Ch1.tif", b"hello")])
    log = FindingLog()
    with survey([path], Limits(), log) as found:
        cells = [cell for sample in found.samples for cell in found.read(sample, None, log)]
    assert [cell.source for cell in cells] == ["s/x_1_Ch1.tif"]
    assert [finding.where for finding in log if finding.level == "skip"] == ["s/x_3_Ch1.tif"]
