"""Figures as files: a page that works without a network always, SVG and PNG where a Chrome or Chromium is found."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from plotly import graph_objects as go
from plotly.offline import get_plotlyjs

from nscweb.core.findings import FindingLog
from nscweb.figures.look import FONT, INK, MUTED, figure_config

NO_BROWSER = "I-FIGURE-NO-BROWSER"
NOT_DRAWN = "W-FIGURE-NOT-DRAWN"
WIDTH_PX = 900

_SAVE = """
function save(place, name, form) {
  Plotly.downloadImage(document.getElementById(place), {format: form, filename: name, width: 900,
    height: document.getElementById(place).layout.height, scale: form === "png" ? 2 : 1});
}
"""
_STYLE = (
    f"body {{margin: 0 auto; max-width: 1180px; padding: 12px; font-family: {FONT}; color: {INK};}}"
    f" h1 {{font-size: 1.4rem;}} h2 {{font-size: 1.1rem; margin: 1.4rem 0 0.2rem 0;}} p {{color: {MUTED};}}"
    " button {font: inherit; font-size: 0.85rem; padding: 0.2rem 0.7rem; margin: 0 0.4rem 0.4rem 0; cursor: pointer;}"
)


def figure_page(figures: Mapping[str, go.Figure], title: str, notes: tuple[str, ...] = ()) -> str:
    """One HTML page with all figures and buttons that save each as SVG or PNG; nothing is loaded from elsewhere.

    Args:
        figures: file name without ending -> figure. The name with spaces for underscores is the heading.
        title: of the page, plain text.
        notes: sentences under the title, such as "Simulated cells.", plain text.
    """
    parts = [
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style>",
        f"<script>{get_plotlyjs()}</script><script>{_SAVE}</script></head><body>",
        f"<h1>{html.escape(title)}</h1>",
        *(f"<p>{html.escape(note)}</p>" for note in notes),
    ]
    for number, (name, figure) in enumerate(figures.items()):
        place = f"figure-{number}"
        parts.append(f"<h2>{html.escape(name.replace('_', ' '))}</h2>")
        parts.append(
            figure.to_html(
                full_html=False, include_plotlyjs=False, include_mathjax=False, div_id=place, config=figure_config(name)
            )
        )
        for form in ("svg", "png"):
            call = html.escape(f"save({json.dumps(place)}, {json.dumps(name)}, {json.dumps(form)})", quote=True)
            parts.append(f'<button onclick="{call}">Save as {form.upper()}</button>')
    parts.append("</body></html>")
    return "".join(parts)


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
