"""The workbook of a report: what stands first, numbers as numbers, text as text, long tables."""

from __future__ import annotations

import io

import numpy as np
import openpyxl
import pandas as pd
import pytest

from nscweb.files import workbook
from nscweb.files.workbook import About, read_workbook, write_workbook

EVIL = ["=1+1", "+1", "-2", "@x", "a\nb", "  <b>&amp;", "\x01", "", "plain"]


def _table(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "number": np.arange(rows),
            "share": np.where(np.arange(rows) % 7 == 0, np.nan, rng.random(rows)),
            "score": rng.random(rows).astype(np.float32),
            "text": pd.Categorical([EVIL[i % len(EVIL)] for i in range(rows)]),
            "mixed": [None if i % 3 else 1.5 for i in range(rows)],
            "=yes": np.arange(rows) % 2 == 0,
        }
    )


def _write(sheets, **options) -> bytes:
    stream = io.BytesIO()
    about = About("=Title", ("Simulated.",), {"Model": [("name", "=x")]}, {"A": [("share", "0 to 1")]})
    write_workbook(stream, about, sheets, **options)
    return stream.getvalue()


@pytest.mark.parametrize("rows", [19, 20, 55])
def test_values_come_back_with_all_digits(rows, monkeypatch):
    monkeypatch.setattr(workbook, "_ROWS_AT_ONCE", 20)
    table = _table(rows)
    book = openpyxl.load_workbook(io.BytesIO(_write({"A": table.head(3), "B": table})))
    assert book.sheetnames == ["About", "A", "B"]
    sheet = book["B"]
    found = list(sheet.iter_rows(values_only=True))
    assert found[0] == ("number", "share", "score", "text", "mixed", "'=yes")
    assert len(found) == rows + 1
    assert sheet.freeze_panes == "A2"
    for row, was in zip(found[1:], table.itertuples(index=False, name=None), strict=True):
        assert row[0] == was[0]
        assert row[1] == (None if np.isnan(was[1]) else was[1])
        assert np.float32(row[2]) == np.float32(was[2])
        assert row[4] == (None if was[4] is None or np.isnan(was[4]) else was[4])
        assert row[5] is bool(was[5])
    texts = {row[3] for row in found[1:]}
    assert {"'=1+1", "'+1", "'-2", "'@x", "a\nb", "  <b>&amp;", "plain"} <= texts
    assert {cell.data_type for cell in sheet["D"]} <= {"s", "n", "inlineStr"}


def test_about_stands_first_and_says_what_must_be_read_first():
    sheet = openpyxl.load_workbook(io.BytesIO(_write({"A": _table(2)})))["About"]
    lines = [tuple(value for value in row if value) for row in sheet.iter_rows(values_only=True)]
    assert lines[:2] == [("'=Title",), ("Simulated.",)]
    assert ("name", "'=x") in lines


def test_a_table_longer_than_a_sheet_is_told_and_left_out(monkeypatch):
    monkeypatch.setattr(workbook, "MOST_ROWS", 10)
    book = openpyxl.load_workbook(io.BytesIO(_write({"A": _table(5), "Cells": _table(11)})))
    assert book.sheetnames == ["About", "A"]
    said = [str(row[0]) for row in book["About"].iter_rows(max_col=1, values_only=True)]
    assert any("The table Cells has 11 rows" in line for line in said)


def test_what_a_program_reads_comes_back_whole():
    machine = '{"a": "' + "ä=" * 40_000 + '"}'
    said, tables = read_workbook(io.BytesIO(_write({"A": _table(4)}, machine=machine)), ("A", "not there"))
    assert said == machine
    assert list(tables) == ["A"]
    np.testing.assert_array_equal(tables["A"]["number"], np.arange(4))


def test_small_p_values_are_not_shown_as_zero():
    table = pd.DataFrame({"p_adjusted": [1e-7], "percent": [12.345], "needed": pd.array([None], dtype="Int64")})
    stream = io.BytesIO()
    write_workbook(stream, About("t", columns={"T": [("percent", "of cells, per cent")]}), {"T": table})
    sheet = openpyxl.load_workbook(stream)["T"]
    assert sheet["A2"].value == 1e-7 and sheet["A2"].number_format == "[<0.0001]0.0E+00;0.0000"
    assert sheet["B2"].number_format == "0.00" and sheet["B1"].comment.text == "of cells, per cent"
    assert sheet["C2"].value is None and sheet.auto_filter.ref == "A1:C2"
