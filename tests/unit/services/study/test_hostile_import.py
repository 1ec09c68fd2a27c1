"""Every hostile file through the whole import: its class of outcome, its reason, its cells, and nothing left over."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asked import import_study, predict_study
from random_models import write_random_model

from nscweb.core.card import card_to_dict
from nscweb.core.errors import CardInvalid, InputRefused, LimitExceeded, ModelError, WeightsInvalid
from nscweb.core.findings import LEVELS
from nscweb.services.context import App
from nscweb.services.models import list_models
from nscweb.services.predict.runs import list_runs
from nscweb.services.study.import_request import ImportRefused, ImportReport, findings_csv, read_findings_csv
from nscweb.services.study.study import findings_of, get_study, list_studies, skipped_csv
from nscweb.simulation.small_tiff import tiff_bytes
from nscweb.store.cell_files import CellFile

_EXPECTED = Path(__file__).resolve().parents[4].parent / "shared" / "hostile" / "expected.json"
_CASES: list[dict[str, Any]] = json.loads(_EXPECTED.read_text("utf-8")) if _EXPECTED.exists() else []
# Words of the oracle's reason that have to come back in what the user reads; any one of them is enough.
_WORDS = {
    "unsafe path": ("outside its folder",),
    "unsafe name": ("NUL",),
    "header mismatch": ("two different names",),
    "symbolic link": ("link",),
    "special file": ("device",),
    "duplicate name": ("more than once", "that another file has too"),
    "nested archive": ("archive inside",),
    "no images found / nested archive": ("archive inside",),
    "password protected": ("password",),
    "checksum mismatch": ("checksum",),
    "damaged data": ("damaged",),
    "damaged archive": ("damaged", "another number of files"),
    "incomplete archive": ("incomplete",),
    "no images found": ("No images were found",),
    "empty file": ("empty",),
    "multi-part archive": ("part of an archive",),
    "unsupported compression": ("method",),
    "decompression bomb": ("share the same bytes",),
    "member too large": ("unpacks to",),
    "member larger than declared": ("more than the",),
    "size mismatch": ("unpacks to", "declares"),
    "content does not match": ("not an image", "unlike its name"),
    "damaged image": ("damaged", "cut off", "more planes than"),
    "damaged .cif": ("cif",),
    "unreadable name": ("name",),
    "name too long": ("longer than",),
    "too many members / no images found": ("100,000 files",),
    "not a zip archive": ("not a zip", "gzip"),
    "RAR is not supported": ("RAR",),
    "image too small": ("too small",),
    "image too large": ("limit",),
    "colour mode CMYK": ("CMYK",),
    "colour image": ("colours",),
    "transparency ignored": ("transparency",),
    "1-bit image": ("black and white",),
    "signed pixel values": ("signed",),
    "pixels are not numbers (NaN)": ("NaN",),
    "pixels are not finite": ("infinite",),
    "complex pixels": ("complex",),
    "blank image": ("blank",),
    "saturated image": ("saturated",),
    "5 pages": ("5 images",),
    "Z-stack of 4": ("4 focus planes",),
    "3 channels: ask or pick brightfield by name": ("channels",),
    "GIF is not supported": ("GIF",),
    "animated PNG": ("animated",),
    "not an image": ("not an image", "archive", "kinds that are not read"),
    "metadata too large": ("damaged", "unlike"),
    "damaged OME metadata": ("description",),
    "refers to another file": ("another file",),
    "unusual shape": ("unusual shape",),
    "this looks like a whole field of view, not one cell": ("whole field",),
    "binary data in table": ("binary",),
    "no rows": ("no rows",),
    'duplicate column "well"': ("'well' (2 times)",),
    "row 2 has 1 of 2 columns": ("fewer values", "more values"),
    "unclosed quote at row ..": ("quotation mark",),
    "well A01 appears twice": ("'A01' 2 times",),
    "too many columns": ("Columns of",),
    "not a table": ("not a table",),
    "formula cells": ("formulas",),
    "damaged workbook": ("damaged", "entities"),
    "workbook too large": ("Unpacked bytes", "Columns of", "unpacks to"),
    # .xls is read by now; this one is cut short.
    ".xls is not supported, save as .xlsx": ("damaged",),
    ".xlsm is not supported": ("macros",),
    "merged / hidden cells": ("merged", "hidden"),
}


def cases(*kinds: str) -> list[Any]:
    return [pytest.param(case, id=case["file"]) for case in _CASES if case["file"].split("/")[0] in kinds]


def import_and_tell(app: App, paths: list[Path], **more: Any) -> tuple[str, ImportReport]:
    """(class of outcome in the words of the oracle, report) of an import."""
    try:
        report = import_study(app, paths, "hostile", **more)
    except ImportRefused as error:
        limited = error.code.startswith("E-LIMIT") or isinstance(error.__cause__, LimitExceeded)
        return "limit" if limited else "refuse", error.report
    levels = {finding.level for finding in report.findings}
    if "skip" in levels:
        return "skip-rest", report
    return "warn" if levels & {"warn", "ignored"} else "accept", report


def files_below(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*")}


def check(app: App, case: dict[str, Any], outcome: str, report: ImportReport) -> None:
    """What holds for every case."""
    told = " ".join(finding.message for finding in report.findings)
    assert outcome in {case["promise"], *case["also"]}, f"{outcome}: {told[:2000]}"
    assert report.members == report.images + report.skipped + report.ignored
    assert sum(finding.level == "skip" for finding in report.findings) == report.skipped
    if outcome in ("refuse", "limit"):
        assert report.imported == 0 and report.findings[0].level == "refuse"
        assert not list_studies(app) and not app.catalogue.unfinished_studies()
        assert [path for path in (app.folder.root / "studies").rglob("*") if path.suffix != ".lock"] == []
        data = findings_csv(report.findings)
    else:
        assert report.imported >= (case["good_members"] or 1)
        study = get_study(app, "hostile")
        assert study.cells == report.imported
        keys = app.catalogue.sample_keys(study.study_id)
        for sample in study.samples:
            with CellFile(app.folder.cells_path(study.study_id, keys[sample.name])) as cells:
                assert len(cells) == sample.cells
                for image in cells.images(study.channel):
                    assert image is not None and min(image.shape[-2:]) >= 8
        assert not (app.folder.study_dir(study.study_id) / "import").exists()
        data = skipped_csv(app, "hostile")
        assert findings_of(app, "hostile") == read_findings_csv(data)
    assert read_findings_csv(data) == sorted(report.findings, key=lambda found: LEVELS.index(found.level))
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert len(rows) == len(report.findings) + 1 and {len(row) for row in rows} == {5}
    for finding, row in zip(read_findings_csv(data), rows[1:], strict=True):
        assert row[4] or finding.level not in ("refuse", "skip", "warn"), finding.code
    assert not [value for row in rows for value in row if value.startswith(("=", "+", "-", "@", "\t", "\r"))]
    # Told in few lines, however many there are.
    assert len(report.as_dict()["findings"]) <= 200
    assert not [path for path in app.folder.root.rglob("*") if path.suffix in (".part", ".tmp")]
    if case["reason"] and (outcome == case["promise"] or outcome in ("skip-rest", "refuse", "limit")):
        assert any(word in told for word in _WORDS[case["reason"]]), told[:2000]


@pytest.mark.parametrize("case", cases("zip", "image"))
def test_archives_and_images_end_as_promised(case: dict[str, Any], opened: App, shared: Path) -> None:
    base = opened.folder.root.parent
    before = {name for name in files_below(base) if not name.startswith(opened.folder.root.name)}
    outcome, report = import_and_tell(opened, [shared / "hostile" / case["file"]])
    check(opened, case, outcome, report)
    assert {name for name in files_below(base) if not name.startswith(opened.folder.root.name)} == before
    # No text of the server's files, no path of the server in what is told.
    told = " ".join(finding.message + finding.where for finding in report.findings)
    assert "root:" not in told and str(opened.folder.root) not in told


@pytest.mark.parametrize("case", cases("table"))
def test_sheets_end_as_promised(case: dict[str, Any], opened: App, shared: Path, tmp_path: Path) -> None:
    cell = tmp_path / "A01" / "x_1_Ch1.tif"
    cell.parent.mkdir()
    cell.write_bytes(tiff_bytes(np.random.default_rng(0).integers(700, 900, (30, 40), np.uint16), "Ch1"))
    outcome, report = import_and_tell(
        opened, [tmp_path / "A01"], sheet=shared / "hostile" / case["file"], channel="Ch1"
    )
    if {finding.code for finding in report.findings} & {"E-SHEET-NO-MATCH"}:
        # The table was read. That it names no sample of this study is told with the names of both sides.
        assert case["promise"] in ("accept", "warn") and outcome == "refuse"
        assert not opened.catalogue.studies()
        return
    check(opened, {**case, "good_members": None}, outcome, report)


def test_the_sum_of_all_cases_is_181() -> None:
    if not _CASES:
        pytest.skip("the folder ../shared with hostile files is not on this machine")
    kinds = ("zip", "image", "table", "weights")
    assert [len(cases(kind)) for kind in kinds] == [56, 81, 30, 14] and len(_CASES) == 181


@pytest.mark.parametrize("case", cases("weights"))
def test_weights_are_refused_and_the_model_in_use_stays(
    case: dict[str, Any], opened: App, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    models = opened.folder.root / "models"
    good = write_random_model(models / "good")
    bad = write_random_model(models / "bad")
    path = shared / "hostile" / case["file"]
    bad.weights_path.unlink()
    data = path.read_bytes()
    name = f"weights{path.suffix}"
    (bad.folder / name).write_bytes(data)
    weights = replace(bad.card.weights, file=name, sha256=hashlib.sha256(data).hexdigest())
    (bad.folder / "card.json").write_text(json.dumps(card_to_dict(replace(bad.card, weights=weights))))
    cell = tmp_path / "x_1_Ch1.tif"
    cell.write_bytes(tiff_bytes(np.random.default_rng(0).integers(700, 900, (30, 40), np.uint16), "Ch1"))
    import_study(opened, [cell], "one cell")
    with pytest.raises((WeightsInvalid, CardInvalid, ModelError)):
        predict_study(opened, "one cell", "bad")
    assert list_runs(opened, "one cell") == []
    assert "good" in [entry.card.name for entry in list_models(opened)]
    assert predict_study(opened, "one cell", "good").cells == 1
    assert good.weights_path.exists() and not list(tmp_path.rglob("nscweb_pickle_ran*"))


def test_a_refusal_is_an_input_refused_with_a_way_out(opened: App, shared: Path) -> None:
    with pytest.raises(InputRefused) as caught:
        import_study(opened, [shared / "hostile/zip/truncated_half.zip"], "x")
    assert "incomplete" in caught.value.what and caught.value.todo
