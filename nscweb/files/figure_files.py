"""Figures as files: a page that works without a network always, SVG and PNG where a Chrome or Chromium is found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from markupsafe import Markup
from plotly import graph_objects as go
from plotly.offline import get_plotlyjs

from nscweb.core.findings import FindingLog
from nscweb.figures.look import figure_config
from nscweb.files.html_document import render

NO_BROWSER = "I-FIGURE-NO-BROWSER"
NOT_DRAWN = "W-FIGURE-NOT-DRAWN"
WIDTH_PX = 900


def figure_page(figures: Mapping[str, go.Figure], title: str, notes: tuple[str, ...] = ()) -> str:
    """One HTML page with all figures and buttons that save each as SVG or PNG; nothing is loaded from elsewhere.

    Args:
        figures: file name without ending -> figure. The name with spaces for underscores is the heading.
        title: of the page, plain text.
        notes: sentences under the title, such as "Simulated cells.", plain text.
    """
    drawn = {name: figure_markup(figure, number, name) for number, (name, figure) in enumerate(figures.items())}
    return render("figures.html", title=title, notes=notes, figures=drawn, plotly=plotly_program())


def figure_markup(figure: go.Figure, number: int, name: str) -> Markup:
    """A figure inside a page that has `plotly_program`, in an element ``figure-<number>``; saved under `name`."""
    return Markup(
        figure.to_html(
            full_html=False,
            include_plotlyjs=False,
            include_mathjax=False,
            div_id=f"figure-{number}",
            config=figure_config(name),
        )
    )


def plotly_program() -> Markup:
    """What draws figures in a page without a network, about 5 MB."""
    return Markup(get_plotlyjs())


def draw(
    figure: go.Figure,
    form: Literal["svg", "png"],
    browser: str | None,
    *,
    width: int = WIDTH_PX,
    log: FindingLog | None = None,
    where: str = "",
) -> bytes | None:
    """A figure as SVG or PNG bytes through a headless browser; None and a finding in `log` when that cannot be done.

    Args:
        browser: path of Chrome or Chromium, None when there is none (the caller looks for it).
        width: pixels; the height is that of the figure.
        where: name for the finding.
    """
    notes = FindingLog() if log is None else log
    if browser is None or not Path(browser).exists():
        notes.add(
            "note",
            NO_BROWSER,
            "No Chrome or Chromium was found, so figures are saved as HTML only; its buttons save SVG and PNG.",
            where,
        )
        return None
    import kaleido

    size = {
        "format": form,
        "width": width,
        "height": int(figure.layout.height or 450),
        "scale": 1 if form == "svg" else 2,
    }
    try:
        # MathJax would be fetched from a server; no label of ours is a formula.
        drawn = kaleido.calc_fig_sync(figure, opts=size, kopts={"mathjax": False, "path": browser, "timeout": 60})
    except Exception as error:  # noqa: BLE001 a browser can fail in any way; the figure stays in the HTML page
        notes.add("warn", NOT_DRAWN, f"A figure could not be saved as {form.upper()}: {type(error).__name__}.", where)
        return None
    return bytes(drawn)
