"""The methods text: paragraphs that a journal takes, with blanks where the program does not know."""

from __future__ import annotations

from dataclasses import replace

import pytest
from asked import report_data
from drawn_runs import drawn_held_out, drawn_run, grid
from predicted import predicted

from nscweb.core.samples import Sample
from nscweb.evaluation.scores.reliability import reliabilities
from nscweb.services.compare import ratios
from nscweb.services.context import App
from nscweb.services.report.content import ReportData
from nscweb.services.report.html_report import html_report
from nscweb.services.report.methods import methods_parts

# Words of the pages that no journal would take.
OURS = ("trust light", "doubtful", "over the 1", "taken as shown", "got a")


def methods(data: ReportData) -> dict[str, str]:
    return {part.title: part.text for part in methods_parts(data)[0]}


@pytest.fixture
def measured(opened: App, monkeypatch: pytest.MonkeyPatch) -> ReportData:
    held = drawn_held_out((24.0, 72.0), cells=900)
    monkeypatch.setattr(ratios, "known_cells", lambda app, run: held)
    shares = grid(3, (24.0,), 3) | grid(2, (72.0,), 3)
    run = drawn_run(opened, "Measured", shares, cells=150, simulated=False, lights={"NT3_24h_1": "yellow"})
    return report_data(opened, run)


def test_each_paragraph_is_short_and_in_words_of_a_paper(measured: ReportData) -> None:
    said = methods(measured)
    assert list(said) == ["Images and cells", "Model", "Ratios", "Statistics", "Quality and limits", "Software"]
    for text in said.values():
        assert len(text) < 1200 and text.endswith((".", ".)"))
        assert not [word for word in OURS if word in text.casefold()]
    page = html_report(measured)
    assert all(f"<h3>{title}</h3>" in page for title in (*said, "References"))
    assert "1 of 15 samples differs from them (NT3_24h_1) and was kept in the analysis" in said["Quality and limits"]


def test_families_of_comparisons_are_told(measured: ReportData) -> None:
    assert "within families of one class at one time point (1 and 3 comparisons)" in methods(measured)["Statistics"]


def test_what_is_not_known_is_a_blank(measured: ReportData) -> None:
    first = methods(measured)["Images and cells"]
    assert "recorded on [instrument] were analysed" in first and "[pixel size in µm]" in first
    named = tuple(Sample(item.name, instrument="ImageStreamX Mark II") for item in measured.found.data.sheet)
    data = replace(measured.found.data, sheet=named)
    known = replace(
        measured, found=replace(measured.found, data=data), provenance={**measured.provenance, "pixel_size_um": 0.33}
    )
    first = methods(known)["Images and cells"]
    assert "recorded on ImageStreamX Mark II were analysed" in first and "0.33 µm per pixel" in first
    assert "[" not in first


def test_the_calibration_error_that_remains_is_stated() -> None:
    found = predicted()
    data = report_data(found.app, found.run)
    held = reliabilities(drawn_held_out((24.0, 72.0), cells=900), rounds=20)
    whole = held[0]
    worst = max((item for item in held if item.time_h is not None), key=lambda item: item.ece)
    said = methods(replace(data, reliability=tuple(held)))["Model"]
    assert f"was {100 * whole.ece:.1f} percentage points on 1,800 held-out cells" in said
    assert f"{100 * whole.low:.1f} to {100 * whole.high:.1f}" in said
    assert f"{100 * worst.ece:.1f} points at the worst time point ({worst.time_h / 24:g} d)" in said
    assert "is not known: no held-out cells" in methods(replace(data, reliability=()))["Model"]
