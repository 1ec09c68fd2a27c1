"""Text in a spreadsheet stays text; a figure file needs no network and no browser."""

from __future__ import annotations

import io
import re
import shutil
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from openpyxl import load_workbook

from nscweb.core.findings import FindingLog
from nscweb.figures.look import nothing_to_draw
from nscweb.files.figure_files import NO_BROWSER, draw, figure_page
from nscweb.files.plain_tables import csv_bytes, neutral, neutral_table, xlsx_bytes

EVIL = ["=1+1", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\n=1", "＝1"]


@pytest.mark.parametrize("text", EVIL)
def test_text_that_looks_like_a_formula_gets_an_apostrophe(text):
    assert neutral(text) == "'" + text.replace("\r", "\n")


@pytest.mark.parametrize("value", ["NT3", "a=b", "", " x", -1, -1.5, None, True, float("nan")])
def test_other_values_are_untouched(value):
    assert neutral(value) is value


def test_numbers_keep_sign_and_all_digits():
    table = pd.DataFrame({"x": [-0.1, 1 / 3], "n": [-5, 10**15], "p": np.float32([0.25, -0.5])})
    back = pd.read_csv(io.BytesIO(csv_bytes(table)))
    assert back["x"].tolist() == table["x"].tolist() and back["n"].tolist() == table["n"].tolist()
    assert back["p"].tolist() == [0.25, -0.5]


def test_csv_neutralises_text_in_cells_headers_and_categories():
    table = pd.DataFrame(
        {"=name": EVIL, "category": pd.Categorical(EVIL), "object": pd.Series([*EVIL[:8], -3], dtype=object)}
    )
    back = pd.read_csv(io.BytesIO(csv_bytes(table)), keep_default_na=False)
    assert back.columns[0] == "'=name"
    for column in back.columns:
        assert all(not str(value).lstrip(" ").startswith(("=", "+", "@", "\t")) for value in back[column])
    assert str(back["object"].iloc[8]) == "-3"


def test_a_table_is_not_changed_by_writing_it():
    table = pd.DataFrame({"a": ["=1", None, "x"]})
    copy = table.copy(deep=True)
    csv_bytes(table)
    pd.testing.assert_frame_equal(table, copy)
    assert neutral_table(table)["a"].dropna().tolist() == ["'=1", "x"]


def test_xlsx_holds_text_as_text_and_numbers_as_numbers():
    table = pd.DataFrame({"=head": ["=1+1", "a\x07b", None], "n": [1, -2, 3], "x": [0.5, float("nan"), -1.25]})
    table["when"] = datetime(2026, 1, 2, tzinfo=UTC)
    book = load_workbook(io.BytesIO(xlsx_bytes({"cells": table, "a/b:c": table.iloc[:1]}, {"model": "=evil"})))
    assert book.sheetnames == ["cells", "a_b_c", "provenance"]
    sheet = book["cells"]
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0][:3] == ("'=head", "n", "x")
    assert rows[1][:3] == ("'=1+1", 1, 0.5) and rows[2][:3] == ("ab", -2, None)
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    assert book["provenance"]["B2"].value == "'=evil"


def test_sheet_names_are_valid_and_different():
    table = pd.DataFrame({"a": [1]})
    book = load_workbook(io.BytesIO(xlsx_bytes({"x" * 40: table, "x" * 41: table, "": table})))
    assert len(set(book.sheetnames)) == 3 and all(len(name) <= 31 for name in book.sheetnames)


def test_a_figure_page_loads_nothing_from_elsewhere():
    page = figure_page({"fate_ratios": nothing_to_draw("Nothing.")}, "<script>Run</script>", ("Simulated cells.",))
    assert "&lt;script&gt;Run" in page and "Save as SVG" in page and "Simulated cells." in page
    assert "<h2>fate ratios</h2>" in page
    assert not re.search(r'<(script|link|img)[^>]+(src|href)="https?:', page)
    assert '"showSendToCloud": false' in page


def test_without_a_browser_svg_is_a_note_and_not_an_error(tmp_path):
    log = FindingLog()
    assert draw(nothing_to_draw("x."), "svg", None, log=log, where="ratios") is None
    assert draw(nothing_to_draw("x."), "png", str(tmp_path / "missing"), log=log) is None
    assert [(found.level, found.code) for found in log] == [("note", NO_BROWSER)] * 2


def test_with_a_browser_svg_and_png_are_drawn():
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chrome or Chromium on this machine")
    drawn = draw(nothing_to_draw("Nothing to draw."), "svg", browser)
    assert drawn is not None and drawn.startswith(b"<svg") and b"Nothing to draw." in drawn
