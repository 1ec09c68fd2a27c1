"""Text in a spreadsheet stays text; a figure file needs no network and no browser."""

from __future__ import annotations

import io
import re
import shutil

import numpy as np
import pandas as pd
import pytest

from nscweb.core.findings import FindingLog
from nscweb.figures.look import nothing_to_draw
from nscweb.files.figure_files import NO_BROWSER, draw, figure_page
from nscweb.files.plain_tables import csv_bytes, neutral, neutral_table

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
