"""The frame of the HTML report: text stays text, what a program reads comes back, drawings say what is lost."""

from __future__ import annotations

import math

import pandas as pd

from nscweb.core.classes import ClassScheme
from nscweb.reports.html_report import Section, bullets, facts, machine_part, paragraph, report_page, table
from nscweb.reports.html_report_svg import ratio_rows, ratio_svg, stacked_svg

EVIL = "</script><script>alert(1)</script><b>&\"'"


def test_text_stays_text_wherever_it_stands():
    parts = [paragraph(EVIL), bullets([EVIL]), facts([(EVIL, EVIL)]), table([EVIL], [[EVIL]], numbers=[0])]
    page = report_page(EVIL, EVIL, [EVIL], [Section(EVIL, parts)], {EVIL: EVIL})
    assert "<b>" not in page and "alert(1)</script>" not in page
    assert page.count("</script>") == 1
    assert machine_part(page) == {EVIL: EVIL}


def test_what_is_no_report_gives_nothing():
    assert machine_part("") is None
    assert machine_part('<script type="application/json" id="nscweb-report">{</script>') is None
    assert machine_part('<script type="application/json" id="nscweb-report">[1]</script>') is None


def test_drawings_mark_samples_that_do_not_fit_and_ratios_that_are_lost():
    classes = ClassScheme(("a", "b"))
    rows = [
        ("<g>", 24.0, "a", 0.25, 0.2, 0.3, "red"),
        ("<g>", 24.0, "b", 0.75, 0.7, 0.8, "red"),
        ("h", math.nan, "a", math.nan, math.nan, math.nan, "green"),
        ("h", math.nan, "b", math.nan, math.nan, math.nan, "green"),
    ]
    groups = pd.DataFrame(rows, columns=["group", "time_h", "class", "mean", "low", "high", "light"])
    points = groups.rename(columns={"mean": "ratio"})
    order = ratio_rows(groups)
    assert order == [("<g>", 24.0), ("h", -1.0)]
    drawn = ratio_svg(groups, points, classes, order).text
    assert "&lt;g&gt;, 1 d" in drawn and "<g>" not in drawn
    assert "■" in drawn and drawn.count("cannot be recovered") == 2
    stacked = stacked_svg(groups, classes, order).text
    assert stacked.count("cannot be recovered") == 1 and ">75<" in stacked
