"""Workbooks of every kind: .ods, .xls and strict .xlsx are read as text, what is not read gets a way out."""

from __future__ import annotations

import datetime
import io
from pathlib import Path
from types import SimpleNamespace

import openpyxl
import pytest
import xlrd
from small_workbooks import XLS_ROWS, ods_bytes, strict_bytes, xls_bytes

from nscweb.core.errors import InputRefused, LimitExceeded
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.core.samples import Sample
from nscweb.io.decode.guarded_child import GuardedChild
from nscweb.io.sheets import workbooks
from nscweb.io.sheets.sample_sheets import SheetRow, apply_sheet, read_sheet
from nscweb.io.sheets.workbook_child import xls_text
from nscweb.io.sheets.workbooks import read_workbook_table

ROWS = [["sample", "group", "time", "replicate"], ["001", "1E5", "12 h", 1], ["NA", "SEPT2", None, 2.5]]
TEXT = [("001", "1E5", "12 h", "1"), ("NA", "SEPT2", "", "2.5")]


def read(data: bytes, name: str, limits: Limits | None = None) -> tuple[list[SheetRow], FindingLog]:
    log = FindingLog()
    return read_sheet(data, name, log, limits), log


@pytest.mark.parametrize(("make", "name"), [(ods_bytes, "s.ods"), (strict_bytes, "s.xlsx"), (ods_bytes, "s.xlsx")])
def test_every_value_is_text_whatever_kind_the_workbook_is(make, name: str) -> None:
    rows, log = read(make(ROWS), name)
    assert [(row.sample, *(row.values[key] for key in ROWS[0][1:])) for row in rows] == TEXT
    assert not log.count("warn")


def test_a_workbook_of_excel_97_is_read_with_its_dates() -> None:
    log = FindingLog()
    table = read_workbook_table(xls_bytes(), "s.xls", log, Limits())
    assert (table.header, *(row for _, row in table.rows)) == XLS_ROWS
    assert [finding.code for finding in log] == ["N-SHEET-FIRST"]


def test_the_same_values_come_out_of_every_kind() -> None:
    day = datetime.datetime(2021, 1, 2)
    rows = [["sample", "date", "yes", "moment"], ["a", day, True, day.replace(hour=5)], ["b", None, False, None]]
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(out)
    assert read(strict_bytes(rows), "s.xlsx")[0] == read(out.getvalue(), "s.xlsx")[0]


def test_real_ods_of_a_user(shared: Path) -> None:
    rows, _ = read((shared / "cases" / "ods_sheet" / "s.ods").read_bytes(), "s.ods")
    assert len(rows) == 6 and rows[0].values == {"group": "NT3", "time": "1 d", "replicate": "1", "control": "yes"}


@pytest.mark.parametrize(
    ("name", "data", "code", "todo"),
    [
        ("s.xls", b"<html><table><tr><th>sample</th></tr></table></html>", "E-SHEET-HTML", "save it as .xlsx or CSV"),
        ("s.xls", b'\xef\xbb\xbf<?xml version="1.0"?><Workbook/>', "E-SHEET-XML", "save it as .xlsx or CSV"),
        ("s.gsheet", b'{"url":"https://example.org","doc_id":"abc"}', "E-SHEET-LINK", "download it as .xlsx or CSV"),
        ("s.numbers", b"PK\x03\x04", "E-SHEET-NUMBERS", "Export To"),
        ("s.zip", ods_bytes(ROWS, more={"Index/Document.iwa": ""}).replace(b"content.xml", b"kontent.xml"),
         "E-SHEET-NUMBERS", "Export To"),
        ("s.xlsb", b"PK\x03\x04", "E-SHEET-XLSM", "Save it as .xlsx"),
        ("s.xls", b"\xd0\xcf\x11\xe0" + bytes(2000), "E-SHEET-DAMAGED", "Save it again"),
        ("s.xls", xls_bytes()[:3000], "E-SHEET-DAMAGED", "Save it again"),
        ("s.ods", b"PK\x03\x04" + bytes(100), "E-SHEET-DAMAGED", "Save it again"),
        ("s.ods", ods_bytes([]), "E-SHEET-EMPTY", "template"),
        ("s.ods", ods_bytes(ROWS, "<!DOCTYPE x>"), "E-SHEET-ENTITY", "Save it again"),
    ],
)  # fmt: skip
def test_what_is_not_read_says_what_to_do(name: str, data: bytes, code: str, todo: str) -> None:
    with pytest.raises(InputRefused) as caught:
        read(data, name)
    assert caught.value.code == code and name in caught.value.what and todo in caught.value.todo


def test_text_that_is_called_xls_is_read_as_text() -> None:
    rows, log = read(b"sample\tgroup\na\t1E5\n", "s.xls")
    assert rows[0].values["group"] == "1E5" and "N-SHEET-READ" in {finding.code for finding in log}


def test_formulas_merged_and_hidden_cells_are_said() -> None:
    odd = (
        '<table:table-column table:visibility="collapse"/><table:table-row><table:table-cell '
        'table:number-columns-spanned="2" table:formula="of:=1" office:value-type="string"><text:p>sample</text:p>'
        "</table:table-cell><table:covered-table-cell/></table:table-row>"
    )
    rows, log = read(ods_bytes([["a"]], odd), "s.ods")
    assert rows[0].sample == "a"
    assert [finding.code for finding in log] == ["W-SHEET-FORMULA", "W-SHEET-HIDDEN", "W-SHEET-MERGED"]


def test_errors_of_a_workbook_are_said_row_by_row_and_leave_the_value_as_it_was() -> None:
    rows, log = read(strict_bytes([["sample", "group"], ["a", "#NAME?"], ["b", "RA"], ["c", "#REF!"]]), "s.xlsx")
    filled = apply_sheet([Sample("a", "NT3"), Sample("b"), Sample("c", "NT4")], rows, log)
    assert [sample.group for sample in filled] == ["NT3", "RA", "NT4"]
    assert [finding.code for finding in log] == ["E-SHEET-CELL-ERROR"] * 2
    assert [finding.where for finding in log] == ["row 2, a: inducer group #NAME?", "row 4, c: inducer group #REF!"]


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [(5, 29, "#NAME?"), (5, 23, "#REF!"), (5, 99, "#ERROR!"), (2, 7.0, "007"), (3, 1.0, "24:00:00"), (4, 1, "True")],
)
def test_cells_of_excel_97_are_what_they_show(kind: int, value: float, shown: str) -> None:
    book = SimpleNamespace(
        datemode=0, xf_list=[SimpleNamespace(format_key=1)], format_map={1: SimpleNamespace(format_str="000")}
    )
    assert xls_text(SimpleNamespace(ctype=kind, value=value, xf_index=0), book, xlrd) == shown


@pytest.mark.parametrize(
    ("rows", "columns", "code"),
    [
        (100_000, 10, "E-LIMIT-SHEET-ROWS"),
        (10, 1000, "E-LIMIT-SHEET-COLUMNS"),
        (1_000_000, 16_000, "E-LIMIT-SHEET-COLUMNS"),
    ],
)
def test_repeated_cells_do_not_fill_the_memory(rows: int, columns: int, code: str) -> None:
    cell = (
        f'<table:table-row table:number-rows-repeated="{rows}"><table:table-cell office:value-type="string" '
        f'table:number-columns-repeated="{columns}"><text:p>x</text:p></table:table-cell></table:table-row>'
    )
    with pytest.raises(InputRefused) as caught:
        read(ods_bytes([["sample"]], cell), "s.ods", Limits(max_decode_bytes=300_000_000))
    assert caught.value.code == code
    assert read(ods_bytes(ROWS), "s.ods")[0][0].sample == "001"


def test_a_reader_that_takes_too_long_is_stopped_and_the_next_one_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = GuardedChild("slow_reader:main", [Path(__file__).parent], "The workbook", "the reader", "Do.", "E-X")
    monkeypatch.setattr(workbooks, "_READER", slow)
    with pytest.raises(InputRefused, match=r"the reader was stopped after 1 s") as caught:
        read(ods_bytes(ROWS), "s.ods", Limits(max_decode_seconds=1))
    slow.close()
    assert caught.value.code == "E-X" and "NSCWEB_MAX_DECODE_SECONDS" in caught.value.todo


def test_more_rows_or_columns_than_allowed_are_refused() -> None:
    for limits in (Limits(max_sheet_rows=2), Limits(max_sheet_columns=3)):
        for data, name in ((ods_bytes(ROWS), "s.ods"), (strict_bytes(ROWS), "s.xlsx"), (xls_bytes(), "s.xls")):
            with pytest.raises(LimitExceeded):
                read(data, name, limits)
