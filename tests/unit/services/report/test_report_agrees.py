"""Section 1 of the report speaks of one class and one time point, and of the same cells and samples, throughout."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import openpyxl
import pytest
from asked import report_data, write_report
from drawn_runs import drawn_held_out, drawn_run
from predicted import fresh_app

from nscweb.core.run_record import Run
from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.services.compare import ratios
from nscweb.services.context import App
from nscweb.services.report.content import ReportData
from nscweb.services.report.html_numbers import interval, p_text
from nscweb.services.report.html_report import html_report
from nscweb.services.report.methods import methods_parts

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


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    return fresh_app(tmp_path_factory.mktemp("agrees"))


@pytest.fixture(scope="module")
def run(app: App) -> Iterator[Run]:
    """One run that the tests only read, and its held-out cells."""
    held = drawn_held_out((DAY, 5 * DAY), cells=3000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ratios, "known_cells", lambda app, run: held)
        yield drawn_run(app, "Agrees", SHARES, cells=400, lights={"MT_120h_3": "red"})


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
def test_sentence_and_tables_name_one_fate_and_time(app: App, run: Run, control: str, fate: str, hours: float) -> None:
    data = report_data(app, run, control=control, fate=fate, time_h=hours)
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
        assert row[1].startswith(f"{100 * here.loc[row[0], 'mean']:.2f} [")
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


def methods(data: ReportData) -> dict[str, str]:
    return {part.title: part.text for part in methods_parts(data)[0]}


def test_methods_count_within_the_samples_that_were_analysed(app: App, run: Run) -> None:
    data = report_data(app, run, filters=Filters(groups=("NT4", "NGF")))
    said = methods(data)
    assert "images of 4,800 cells (12 samples; 2 inducer groups; time points 1 d, 5 d; " in said["Images and cells"]
    assert "Of 3 inducer groups, 2 were analysed (chosen by filter: NT4 and NGF)." in said["Images and cells"]
    assert "Of these 4,800 cells, 4,608 (96.0 %) entered the ratios, 384 per sample" in said["Images and cells"]
    assert "no sample differed" in said["Quality and limits"]
    assert "1 of 3 inducer groups were left out" in said["Statistics"]
    assert "4,608 of 4,800 cells counted in 12 samples" in html_report(data)
    open_ = methods(report_data(app, run))
    assert "1 of 18 samples differs" in open_["Quality and limits"]
    assert "chosen by filter" not in open_["Images and cells"] and "left out" not in open_["Statistics"]


def test_nobody_is_warned_of_a_sample_that_the_filter_took_away(app: App, run: Run, tmp_path: Path) -> None:
    data = report_data(app, run, filters=Filters(groups=("NT4", "NGF")))
    assert "12 of 12 samples ● fits" in " ".join(data.found.sentences)
    assert len(data.tables["Fit"]) == len(data.tables["Funnel"]) == 12
    visible = html_report(data).partition("<script")[0]
    assert "MT_120h_3" not in visible.replace("<wbr>", "")
    assert "MT_120h_3" in html_report(report_data(app, run)).partition("<script")[0].replace("<wbr>", "")
    path = write_report(app, run, "zip", tmp_path / "r.zip", filters=Filters(groups=("NT4", "NGF")))
    with zipfile.ZipFile(path) as archive:
        readme = archive.read("README.txt").decode()
        assert "MT_120h_3" not in readme and "Time points: 1 d, 5 d." in readme
        assert b"MT_120h_3" not in archive.read("fit.csv")
        book = openpyxl.load_workbook(io.BytesIO(archive.read("report.xlsx")), read_only=True)
    about = [str(value) for row in book["About"].iter_rows(values_only=True) for value in row if value]
    assert not [text for text in about if "MT_120h_3" in text]


def test_a_filter_by_confidence_leaves_the_cells_behind_corrected_ratios(app: App, run: Run) -> None:
    data = report_data(app, run, filters=Filters(min_confidence=0.9))
    assert data.found.estimates.method == "pacc" and data.found.data.kept < 6912
    page = text_of(html_report(data))
    assert "6,912 of 7,200 cells counted in 18 samples" in page
    said = "The filter by confidence (90 %) had no effect on the corrected ratios"
    assert said in text_of(section(data, 1)) and said in methods(data)["Ratios"]
    assert "6,912 (96.0 %) entered the ratios" in methods(data)["Images and cells"]
    assert data.tables["Samples"]["cells"].sum() == 6912
    naive = report_data(app, run, filters=Filters(min_confidence=0.9), method="naive")
    kept = naive.found.data.kept
    assert f"{kept:,} of 7,200 cells counted" in html_report(naive) and kept < 6912
    assert naive.tables["Samples"]["cells"].sum() == kept
    assert said not in html_report(naive)


def test_ends_of_intervals_have_no_sign_without_a_number() -> None:
    assert interval(-0.00001, 0.475) == "[0.00, 47.50]"
    assert interval(-0.1, -0.00002) == "[-10.00, 0.00]"
    assert interval(-0.1002, float("nan")) == ""


def test_no_p_value_is_rounded_over_the_line_that_decides() -> None:
    assert [p_text(p) for p in (0.0496, 0.04999, 0.05, 0.0504, 0.0312)] == [
        "0.0496",
        "0.04999",
        "0.050",
        "0.050",
        "0.031",
    ]


def test_the_adjustment_and_who_chose_the_control_are_named(app: App, run: Run) -> None:
    for adjust, name in (("holm", "Holm"), ("fdr_bh", "Benjamini-Hochberg")):
        data = report_data(app, run, control="NGF", adjust=adjust, fate="neuron", time_h=5 * DAY)
        part = text_of(section(data, 1))
        assert f"p values are adjusted by {name} for the 2 comparisons of neuron at day 5" in part
        assert f"p, {name}" in part
        assert "NGF was chosen as the control for this report, out of 3 groups" in part
        assert "the sample sheet names none" in methods(data)["Statistics"]
        assert "before the results were seen" in methods(data)["Statistics"]
    hidden = report_data(app, run, filters=Filters(groups=("NT4", "NGF")), fate="neuron", time_h=5 * DAY)
    assert "for the 3 comparisons of neuron at day 5" in text_of(section(hidden, 1))
    assert "the adjustment of p values still counts" in text_of(section(hidden, 1))
