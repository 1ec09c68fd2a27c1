"""The frame of the HTML report: text stays text, what a program reads comes back, drawings say what is lost."""

from __future__ import annotations

import math

import pandas as pd

from nscweb.core.classes import ClassScheme
from nscweb.files.html_document import Table, environment, machine_part
from nscweb.files.svg import ratio_rows, ratio_svg, stacked_svg

EVIL = "</script><script>alert(1)</script><b>&\"'"
PAGE = """{% extends "page.html" %}
{% from "parts.html" import bullets, facts, section, small, table %}
{% block main %}
{% call section(titles, 1) %}
{{ small(evil) }}{{ bullets([evil], "warn") }}{{ facts([(evil, evil)]) }}{{ table(drawn) }}
{% endcall %}
{% endblock %}"""


def table(*said: object, **more: object) -> str:
    """A table as HTML; arguments as of `Table`."""
    parts = environment().get_template("parts.html").module
    return str(parts.table(Table(*said, **more)))


def test_text_stays_text_wherever_it_stands():
    drawn = Table([EVIL, EVIL], [[EVIL, EVIL]], [0], EVIL, over=[(EVIL, 2)], cards=True)
    words = {"title": EVIL, "subtitle": EVIL, "notices": [EVIL], "titles": [EVIL], "evil": EVIL, "drawn": drawn}
    page = environment().from_string(PAGE).render(machine={EVIL: EVIL}, machine_id="nscweb-report", **words)
    assert "<b>" not in page and "alert(1)</script>" not in page
    assert page.count("</script>") == 1 and page.count("&lt;b&gt;") >= 13
    assert "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;b&gt;&amp;&#34;&#39;" in page
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
    drawn = ratio_svg(groups, points, classes, order)
    assert "&lt;g&gt;, 1 d" in drawn and "<g>" not in drawn
    assert "■" in drawn and drawn.count("cannot be recovered") == 2
    stacked = stacked_svg(groups, classes, order)
    assert stacked.count("cannot be recovered") == 1 and ">75<" in stacked


def test_tables_name_their_heads_and_break_only_the_longest_words():
    drawn = table(["Class", "n"], [["oligodendrocyte", 1], ["oligodendrocyte-medium_2d_rep1", 2]], [1], caption="c")
    assert '<th scope="row">oligodendrocyte</th>' in drawn
    assert "oligodendrocyte-medium_<wbr>2d_<wbr>rep1" in drawn
    assert drawn.count('scope="col"') == 2 and "<caption>c</caption>" in drawn and 'aria-label="c"' in drawn


def test_long_tables_stand_beside_each_other_and_lose_no_line():
    rows = [[f"s{number}", number] for number in range(25)]
    drawn = table(["Sample", "n"], rows, [1], caption="c", side_by_side=10)
    assert drawn.count("<table") == 3 and drawn.count('class="pair') == 2
    assert all(f'>s{number}</th><td class="n">{number}</td>' in drawn for number in range(25))


def test_a_telephone_gets_drawings_of_its_own_with_the_same_rows():
    classes = ClassScheme(("a", "b"))
    values = [("g", 24.0, name, 0.5, 0.4, 0.6, "green") for name in ("a", "b")]
    groups = pd.DataFrame(values, columns=["group", "time_h", "class", "mean", "low", "high", "light"])
    points, order = groups.rename(columns={"mean": "ratio"}), ratio_rows(groups)
    broad, narrow = (ratio_svg(groups, points, classes, order, narrow=kind) for kind in (False, True))
    assert 'viewBox="0 0 960 ' in broad and 'viewBox="0 0 380 ' in narrow
    assert broad.count("g, 1 d") == 1 and narrow.count("g, 1 d") == 2
    assert 'viewBox="0 0 380 ' in stacked_svg(groups, classes, order, narrow=True)
    assert 'role="img"' in narrow and "aria-label=" in narrow


def test_groups_are_drawn_in_the_order_of_the_answer():
    groups = pd.DataFrame({"group": ["a", "b", "c"], "time_h": [24.0, 24.0, 24.0]})
    assert [name for name, _ in ratio_rows(groups, ["c", "a"])] == ["c", "a", "b"]


def test_cards_carry_the_head_of_each_column_with_its_value():
    drawn = table(["Group", 'p, "Holm"'], [["NT3", "0.03"]], [1], caption="c", cards=True)
    assert 'class="wide cards"' in drawn and '<th scope="row">NT3</th>' in drawn
    assert '<td class="n" data-label="p, &#34;Holm&#34;">0.03</td>' in drawn
    assert "data-label" not in table(["Group", "p"], [["NT3", "0.03"]], caption="c")
