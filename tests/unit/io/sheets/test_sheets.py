"""Sample sheets: every value stays text, columns are understood, nothing is dropped silently."""

from __future__ import annotations

import io
import zipfile

import openpyxl
import pytest

from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog
from nscweb.core.samples import Sample
from nscweb.io.sheets.sample_sheets import SheetRow, apply_sheet, read_sheet
from nscweb.io.sheets.sheet_writing import template, write_sheet_csv, write_sheet_xlsx

SAMPLES = [
    Sample("RA_1d_rep1", "RA+SHH", 24.0, "1", "m1", "FlowSight", False, "neuron", 120),
    Sample("NT3/3d/r1", "NT3", 0.25, "A", extra=(("well", "1E5"), ("note", "=1+1"))),
    Sample("=cmd()", "-2+3", None, "001", "NA", control=True, extra=(("note", "'quoted"),)),
]


def read(text: str | bytes, name: str = "sheet.csv") -> tuple[list[SheetRow], FindingLog]:
    log = FindingLog()
    return read_sheet(text.encode() if isinstance(text, str) else text, name, log), log


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_written_sheet_comes_back_unchanged(kind: str) -> None:
    data = write_sheet_csv(SAMPLES) if kind == "csv" else write_sheet_xlsx(SAMPLES)
    rows, log = read(data, f"sheet.{kind}")
    blank = [Sample(sample.name, cells=sample.cells) for sample in SAMPLES]
    filled = apply_sheet(blank, rows, log)
    assert not log.count("warn") and not log.count("refuse")
    for before, after in zip(SAMPLES, filled, strict=True):
        assert {key: value for key, value in after.extra if value} == dict(before.extra)
        assert after.with_changes(extra=()) == before.with_changes(extra=())


def test_an_exported_sheet_starts_no_formula() -> None:
    text = write_sheet_csv(SAMPLES).decode("utf-8-sig")
    cells = [cell for line in text.splitlines() for cell in line.split(",")]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]
    assert "'=cmd()" in cells and "'-2+3" in cells
    sheet = openpyxl.load_workbook(io.BytesIO(write_sheet_xlsx(SAMPLES))).active
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_the_template_has_every_column_and_can_be_read(kind: str) -> None:
    rows, log = read(template("xlsx" if kind == "xlsx" else "csv"), f"template.{kind}")
    filled = apply_sheet([Sample(row.sample) for row in rows], rows, log)
    assert [(sample.group, sample.time_h) for sample in filled] == [
        ("RA+SHH", 24.0),
        ("NT3", 12.0),
        ("astrocyte medium", 72.0),
    ]
    assert not log.count("warn") and not log.count("refuse")


@pytest.mark.parametrize(
    ("header", "value", "hours"),
    [
        ("time", "12 h", 12.0),
        ("Time point", "0,5 d", 12.0),
        ("time", "day 3", 72.0),
        ("time_h", "36", 36.0),
        ("time (h)", "0,5", 0.5),
        ("Time [hours]", "24", 24.0),
        ("time_d", "0.5", 12.0),
        ("day", "3", 72.0),
        ("Days", "2", 48.0),
        ("time", "", None),
    ],
)
def test_times_are_understood_with_the_unit_of_the_header(header: str, value: str, hours: float | None) -> None:
    rows, log = read(f"sample;{header}\na;{value}\n")
    assert apply_sheet([Sample("a", time_h=1.0)], rows, log)[0].time_h == hours
    assert not log.count("refuse")


def test_a_time_without_unit_is_not_guessed() -> None:
    rows, log = read("sample,time,control\na,24,maybe\n")
    assert apply_sheet([Sample("a")], rows, log) == [Sample("a")]
    assert [finding.code for finding in log if finding.level == "warn"] == ["E-SHEET-TIME-UNIT", "E-SHEET-CONTROL"]


@pytest.mark.parametrize("header", ["group", "Inducer group", "inducer_group", "INDUCER"])
def test_the_group_has_several_names(header: str) -> None:
    rows, log = read(f"Sample name,{header}\na,NT3\n")
    assert apply_sheet([Sample("a")], rows, log)[0].group == "NT3"


def test_values_that_look_like_something_else_stay_text() -> None:
    rows, _ = read("sample,replicate,donor,code\n001,1E5,NA,SEPT2\n002,007,null,12:30\n")
    assert [(row.sample, row.values["replicate"], row.values["donor"], row.extra) for row in rows] == [
        ("001", "1E5", "NA", (("code", "SEPT2"),)),
        ("002", "007", "null", (("code", "12:30"),)),
    ]


def test_joins_are_listed_both_ways() -> None:
    rows, log = read("sample,group\nA,NT3\nnobody,RA\n")
    filled = apply_sheet([Sample("a"), Sample("b")], rows, log)
    assert [sample.group for sample in filled] == ["NT3", ""]
    assert [(finding.code, finding.where) for finding in log if finding.level == "warn"] == [
        ("W-SHEET-NO-SAMPLE", "row 3, nobody"),
        ("W-SHEET-NO-ROW", "b"),
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("sample,group,Group\na,1,2\n", "E-SHEET-DUPLICATE-COLUMN"),
        ("sample,group\na,1\na,2\n", "E-SHEET-DUPLICATE-KEY"),
        ("sample,group\na,1,2\n", "E-SHEET-RAGGED"),
        ('sample,group\n"a,1\n', "E-SHEET-QUOTE"),
        ("sample,group\n", "E-SHEET-NO-ROWS"),
        ("sample,gr\x00up\na,b\n", "E-SHEET-BINARY"),
        ("\n\n", "E-SHEET-EMPTY"),
    ],
)
def test_what_cannot_be_read_without_guessing_is_refused(text: str, code: str) -> None:
    with pytest.raises(InputRefused) as caught:
        read(text)
    assert caught.value.code == code and caught.value.todo


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_encodings_and_separators_are_recognised_and_told(codec: str, separator: str) -> None:
    rows, log = read(
        separator.join(["sample", "donor"]).encode(codec)
        + f"\né{separator}µM\n".encode(codec).removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe")
    )
    assert (rows[0].sample, rows[0].values["donor"]) == ("é", "µM")
    assert [finding.code for finding in log] == ["N-SHEET-READ"]


def test_a_comma_inside_values_does_not_win_over_the_separator() -> None:
    rows, _ = read("sample;dose, µM\na;0,5\nb;1,5\n")
    assert [row.extra for row in rows] == [(("dose, µM", "0,5"),), (("dose, µM", "1,5"),)]


def test_a_workbook_with_macros_is_refused_even_when_called_xlsx() -> None:
    data = io.BytesIO(write_sheet_xlsx(SAMPLES))
    with zipfile.ZipFile(data, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"macro")
    with pytest.raises(InputRefused, match="macros"):
        read(data.getvalue(), "sheet.xlsx")


def test_numbers_and_dates_of_a_workbook_become_text() -> None:
    import datetime

    book = openpyxl.Workbook()
    for row in (["sample", "replicate", "date"], ["a", 1, datetime.datetime(2021, 1, 2)], ["b", 0.5, None]):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    rows, _ = read(out.getvalue(), "sheet.xlsx")
    assert [row.values["replicate"] for row in rows] == ["1", "0.5"]
    assert rows[0].extra == (("date", "2021-01-02"),)
