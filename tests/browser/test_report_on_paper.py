"""The HTML report of a large study as a reader meets it: on paper, on a telephone, without a network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asked import predict_study, write_report
from random_models import write_random_model
from small_studies import add_study

from nscweb.core.samples import Sample
from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.services.context import open_app
from nscweb.settings import Settings

GROUPS = ("CNTF", "LDH-NT3", "MT", "NGF", "NT3", "NT4", "RA+SHH", "astrocyte medium", "oligodendrocyte medium")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine groups at three time points in three replicates: 81 samples."""
    data = tmp_path_factory.mktemp("data")
    app = open_app(Settings.from_environment({"NSCWEB_THREADS": "1"}, data), lambda: "2026-01-02T03:04:05Z")
    write_random_model(data / "models" / "random")
    rng = np.random.default_rng(0)
    samples = [
        (
            Sample(f"{group.replace(' ', '-')}_{day}d_rep{number}", group=group, time_h=24.0 * day, replicate=number),
            [rng.integers(0, 255, (1, 45, 60)).astype(np.uint8) for _ in range(3)],
        )
        for group in GROUPS
        for day in (1, 3, 5)
        for number in "123"
    ]
    study = add_study(app, "Paper", samples, simulated=True)
    run = predict_study(app, study.name, "random")
    out = tmp_path_factory.mktemp("out") / "report.html"
    return write_report(app, run, "html", out, filters=Filters(exclude_flags=()))


@pytest.fixture
def page(chromium: Any, report: Path) -> Iterator[Any]:
    """The report as a file, with a list of everything that was asked for."""
    opened = chromium.new_page(viewport={"width": 1440, "height": 900})
    opened.asked = []
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.goto(report.as_uri())
    yield opened
    opened.close()


def test_eighty_one_samples_fit_on_fourteen_sheets(page: Any, tmp_path: Path) -> None:
    written = tmp_path / "report.pdf"
    page.pdf(path=str(written), prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", written.read_bytes())) <= 14


def test_nothing_is_asked_from_anywhere(page: Any, report: Path) -> None:
    assert page.asked == [report.as_uri()]


@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_is_wider_than_the_screen(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shown = [box for drawing in page.locator("figure svg").all() if (box := drawing.bounding_box())]
    assert shown and all(box["width"] <= width for box in shown)


def test_no_number_of_the_answer_is_cut_on_a_telephone(page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 900})
    tables = page.locator("#s1 .wide")
    assert tables.count() == 2
    for number in range(tables.count()):
        assert tables.nth(number).evaluate("box => box.scrollWidth <= box.clientWidth")
    ends = page.locator("#s1 td").evaluate_all("cells => cells.map(cell => cell.getBoundingClientRect().right)")
    assert ends and max(ends) <= 390
    heads = page.locator("#s1 .wide >> nth=0 >> td").evaluate_all("cells => cells.map(cell => cell.dataset.label)")
    assert "Trust light" in heads and any(name.endswith("interval]") for name in heads)


def test_no_name_of_a_class_or_group_is_broken(page: Any) -> None:
    heights = page.evaluate(
        """() => [...document.querySelectorAll('table.data th, table.data td')]
            .filter(cell => /^(oligodendrocyte|astrocyte|RA\\+SHH|CNTF)$/.test(cell.textContent))
            .map(cell => { const range = document.createRange(); range.selectNodeContents(cell);
                           return range.getClientRects().length; })"""
    )
    assert heights and max(heights) == 1


def test_headings_tables_and_drawings_have_names(page: Any) -> None:
    assert page.locator("h1").count() == 1 and page.locator("main h2").count() >= 10
    assert page.locator("svg[role=img]:not([aria-label])").count() == 0
    assert page.locator("table.data:not(:has(caption))").count() == 0
    assert page.locator("table.data thead th:not([scope])").count() == 0
