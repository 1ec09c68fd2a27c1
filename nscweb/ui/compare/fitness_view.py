"""Is this model fit for these samples? Counts of lights, then what stands behind every light that is not green."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from nscweb.core.run_record import Run
from nscweb.figures.sample_distances import fitness_data, fitness_dots
from nscweb.services.context import App
from nscweb.services.predict.light_tables import fitness_table, lights_table
from nscweb.services.predict.lights import GREEN, LIGHTS, NOT_JUDGED
from nscweb.services.report import export
from nscweb.ui import figures, show
from nscweb.ui.text import html
from nscweb.words.marks import MARK_HELP, mark, mark_colour
from nscweb.words.numbers import count

# Cards that stand open; the rest is folded, reds first.
OPEN_CARDS = 4
_TEXT = 900
_FIGURE_HELP = (
    "Every sample is compared with samples that the model knows. Shaded: where such samples lie. A dot at the edge "
    "lies farther out than the axis reaches. Network: what the network sees in the cells. Images: brightness, texture "
    "and size after background and contrast were evened out. Distance: how far out the cells lie. Pattern: whether all "
    "differ in the same way. The other rows are of the images as they were stored."
)


def show_lights(app: App, run: Run, names: Sequence[str] | None = None) -> None:
    """The lights of a run, to stand before any ratio.

    Args:
        app: services; all sections of a page are called alike.
        run: a finished prediction.
        names: samples that the page shows; None means all.
    """
    table = lights_table(run, names)
    if table.empty:
        show.note(NOT_JUDGED if "fitness_rules" not in run.extra else _nothing_known(run))
        return
    st.html(_counts(table))
    bad = table[table["light"] != GREEN]
    st.html(_cards(bad.head(OPEN_CARDS)))
    if len(bad) > OPEN_CARDS:
        rest = bad.iloc[OPEN_CARDS:]
        with st.expander(f"{count(len(rest), 'more sample')} with a trust light that is not green"):
            st.html(_cards(rest))
    figures_of = fitness_table(run, names)
    notes = table[table["notes"].map(bool)]
    if figures_of.empty and notes.empty:
        return
    with st.expander("How far the samples lie from those that the model knows"):
        if not figures_of.empty:
            st.caption(_FIGURE_HELP)
            figures.show_figure(
                fitness_dots(figures_of, simulated=run.provenance.simulated_cells),
                f"{run.run_id}_fitness",
                export.run_csv(fitness_data(figures_of), "Fit numbers", run),
                key=f"fitness_{run.run_id}",
                alt="Dots: deviation of each sample from known samples, one row per number",
            )
        if not notes.empty:
            st.caption("Differences that change no trust light, and what could not be compared:")
            show.bullets(_notes(notes))


def _nothing_known(run: Run) -> str:
    return (
        f"The card of the model {run.model} says nothing of the cells that it knows, so it cannot be told whether it "
        "fits these samples. Ask the model again (nscweb models audit), or train it with this program."
    )


def _counts(table: pd.DataFrame) -> str:
    """One compact row: symbol, word, number for each light."""
    tiles = []
    for light in LIGHTS:
        number = int((table["light"] == light).sum())
        symbol, _, word = mark(light).partition(" ")
        colour = mark_colour(light) if number else "#5b6775"
        tiles.append(
            f'<span style="white-space:nowrap;color:{colour}"><b style="font-size:1.15rem">{symbol} {number:,}</b> '
            f"{html(word)} ({light})</span>"
        )
    return (
        '<div role="status" style="display:flex;flex-wrap:wrap;gap:.3rem 1.4rem;align-items:baseline">'
        f'<span title="{html(MARK_HELP, _TEXT)}"><b>Trust light: does the model fit?</b> '
        f"{count(len(table), 'sample')}:</span>"
        f"{''.join(tiles)}</div>"
    )


def _cards(table: pd.DataFrame) -> str:
    parts = []
    for row in table.to_dict("records"):
        colour = mark_colour(str(row["light"]))
        reasons = "".join(f"<li>{html(text, _TEXT)}</li>" for text in row["reasons"])
        advice = " ".join(html(text, _TEXT) for text in row["advice"])
        todo = f"<div><b>What to do:</b> {advice}</div>" if advice else ""
        parts.append(
            f'<div style="border:1px solid #dfe4ea;border-left:5px solid {colour};border-radius:6px;'
            'padding:.45rem .8rem;margin:.35rem 0;font-size:.93rem;overflow-wrap:anywhere">'
            f'<b style="color:{colour}">{html(mark(str(row["light"])))}</b> &nbsp;<b>{html(row["sample_id"])}</b> '
            f'<small style="color:#5b6775">{count(int(row["cells"]), "cell")} looked at</small>'
            f'<ul class="nsc-list">{reasons}</ul>{todo}</div>'
        )
    return "".join(parts) or "<span></span>"


def _notes(table: pd.DataFrame) -> list[str]:
    """Notes with the samples that they hold for; the same sentence is said once."""
    where: dict[str, list[str]] = {}
    for row in table.to_dict("records"):
        for note in row["notes"]:
            where.setdefault(str(note), []).append(str(row["sample_id"]))
    total = len(table)
    lines = []
    for note, names in list(where.items())[:12]:
        all_of_them = len(names) > 1 and len(names) == total
        who = "All samples" if all_of_them else ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        lines.append(f"{who}: {note}")
    if len(where) > 12:
        lines.append(f"… and {count(len(where) - 12, 'more note')}; the CSV of the figure has all numbers.")
    return lines
