"""Section 1 of the report speaks of one class and one time point, and of the same cells and samples, throughout."""

from __future__ import annotations

import re
from html import unescape

import pytest
from drawn_runs import drawn_held_out, drawn_run

from nscweb.core.runs import Run
from nscweb.services import ratios
from nscweb.services.context import App
from nscweb.services.html_report import html_report
from nscweb.services.report_data import ReportData, report_data

DAY = 24.0
# (group, time, replicate) -> astrocyte, oligodendrocyte, neuron
SHARES = {
    (group, hours, number): [early + step, rest, 1 - early - step - rest]
    for group, hours, early, rest in (
        ("NT4", DAY, 0.50, 0.20),
        ("NGF", DAY, 0.20, 0.30),
        ("MT", DAY, 0.10, 0.60),
        ("NT4", 5 * DAY, 0.05, 0.10),
        ("NGF", 5 * DAY, 0.30, 0.20),
        ("MT", 5 * DAY, 0.60, 0.20),
    )
    for number, step in ((1, -0.02), (2, 0.0), (3, 0.02))
}


@pytest.fixture
def run(opened: App, monkeypatch: pytest.MonkeyPatch) -> Run:
    held = drawn_held_out((DAY, 5 * DAY), cells=3000)
    monkeypatch.setattr(ratios, "known_cells", lambda app, run: held)
    return drawn_run(opened, "Agrees", SHARES, cells=400, lights={"MT_120h_3": "red"})


def text_of(part: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", part)))


def section(data: ReportData, number: int) -> str:
    page = html_report(data)
    return re.split(r'<section id="s\d+"', page)[number]


def first_table(part: str) -> list[list[str]]:
    table = re.search(r'<table class="data">.*?</table>', part, re.DOTALL)
    assert table
    rows = re.findall(r"<tr>(.*?)</tr>", table.group(), re.DOTALL)
    return [[text_of(cell).strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", row)] for row in rows]


@pytest.mark.parametrize("control", ["", "NGF"])
@pytest.mark.parametrize(("fate", "hours"), [("astrocyte", DAY), ("neuron", 5 * DAY), ("neuron", DAY)])
def test_sentence_and_tables_name_one_fate_and_time(
    opened: App, run: Run, control: str, fate: str, hours: float
) -> None:
    data = report_data(opened, run, control=control, fate=fate, time_h=hours)
    lead, part = data.found.sentences[0], section(data, 1)
    assert f"{fate}s at day {hours / DAY:g}" in lead and lead in text_of(part)
    captions = re.findall(r"<caption>(.*?)</caption>", part)
    assert captions[0] == f"{fate} at day {hours / DAY:g}: groups in the order of the answer"
    assert captions[1].startswith(f"How early: {fate} %")
    head, *rows = first_table(part)
    assert head[1].startswith(f"{fate} %")
    groups = data.tables["Groups"]
    here = groups[(groups["class"] == fate) & (groups["time_h"] == hours)].set_index("group")
    for row in rows:
        assert row[1].startswith(f"{100 * here.loc[row[0], 'mean']:.1f} [")
    assert f"{rows[0][0]}: " in lead
    tests = data.found.tests
    tests = tests[(tests["class"] == fate) & (tests["time_h"] == hours)]
    for row in rows:
        pair = tests[
            (tests[["group", "other"]].isin([row[0]]).any(axis=1))
            & (tests[["group", "other"]].isin([control or rows[0][0]]).any(axis=1))
        ]
        if row[0] != (control or rows[0][0]):
            assert len(pair) == 1
            p = float(pair["p"].iloc[0])
            assert row[5] == ("< 0.001" if p < 0.001 else f"{p:.3f}")
    # Figures: groups in the order of the sentence.
    drawn = re.findall(r"<svg.*?</svg>", section(data, 2), re.DOTALL)
    names = [name for name in re.findall(r">([A-Z0-9]+)(?:,? [^<]*)?</text>", drawn[0]) if name in here.index]
    assert list(dict.fromkeys(names)) == [row[0] for row in rows]
