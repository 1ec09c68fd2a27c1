"""Honest scores on a page: is the model as sure as it should be, and which cells it may leave open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from nscweb.core.card import CardEntry
from nscweb.core.columns import label
from nscweb.core.errors import NscwebError
from nscweb.core.run_record import Run
from nscweb.core.timepoint import TimePoint
from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.figures.reliability_and_sets import reliability_figure, sets_data, sets_figure
from nscweb.services.compare import honest_scores, honest_scores_words, known_part
from nscweb.services.compare.group_lights import with_light
from nscweb.services.compare.result import Comparison
from nscweb.services.context import App
from nscweb.services.report import export
from nscweb.ui import cached, figures, show
from nscweb.ui.compare import controls_view
from nscweb.ui.text import plain
from nscweb.words.numbers import count

if TYPE_CHECKING:
    from nscweb.evaluation.scores.reliability import Reliability

RELIABILITY_HELP = (
    "Cells of known class that the model has never seen, sorted by the score that it gave them into ten groups of "
    "equal size. Of cells with a score of 80 %, 80 % should be named rightly; then the point lies on the dashed line. "
    "Below the line the model is too sure, above it too careful. Calibration error (ECE): how far points and "
    "line are apart on average. Brackets and bars are 95 % intervals."
)
SETS_HELP = (
    "Instead of always naming one class, the model may say that a cell is a neuron, or a neuron or an "
    "oligodendrocyte, or none of the classes. The sets are made so large that the true class is missing in no more "
    "cells of each class than the error rate allows. A smaller error rate makes larger sets. This holds for cells "
    "like the held-out ones: where a sample has a yellow or red trust light, its sets may miss more often. The filter"
    " by confidence is not used here."
)


def show_scores(app: App, run: Run, data: object = None, order: Sequence[str] = ()) -> None:
    """Reliability of the model behind a run, and the sets of its cells.

    Args:
        app, run: whose.
        data: what the page shows; its `filters` are used when it has any.
        order: groups in the order of the answer.
    """
    filters = getattr(data, "filters", None)
    controls_view.choose_controls(app, run)
    try:
        found = honest_scores.reliability_of_run(app, run)
    except NscwebError as error:
        show.problem(error)
        return
    st.subheader("Which cells are sure?", anchor=False, help=SETS_HELP)
    if not found:
        show.empty("No scores of held-out cells", " ".join(honest_scores.NO_HELD_OUT))
        return
    _sets(app, run, filters if isinstance(filters, Filters) else Filters(), data, order)
    draw_reliability(
        found,
        f"run_{run.run_id}",
        run.provenance.simulated_training,
        lambda table: export.run_csv(table, "Reliability", run),
    )


def show_reliability(entry: CardEntry) -> None:
    """Reliability of a model on its card."""
    try:
        found = honest_scores.reliability_of(entry)
    except NscwebError as error:
        show.problem(error)
        return
    if not found:
        st.subheader("Is it as sure as it should be?", anchor=False, help=RELIABILITY_HELP)
        st.caption("Not measured for this model. Measure it with the command nscweb models audit.")
        return
    draw_reliability(
        found,
        f"model_{entry.card.name}",
        entry.card.origin.simulated,
        lambda table: export.model_csv(table, "Reliability", entry.card),
    )


def show_known_part(entry: CardEntry) -> None:
    """What the number of its held-out cells costs, and whether EM may take its scores; below the reliability."""
    try:
        lines = known_part.known_lines(entry)
    except NscwebError:
        # The reliability above says what is wrong with the file.
        return
    for line in lines:
        show.note(line)


def draw_reliability(found: list[Reliability], key: str, simulated: bool, csv: Callable[[pd.DataFrame], bytes]) -> None:
    """Tiles, sentence, diagram and table; one class or time point at a choice.

    Args:
        found: at least one.
        key: unique on the page, and name of files.
        simulated: the cells are simulated.
        csv: a table as a file that says what made it.
    """
    st.subheader("Is it as sure as it should be?", anchor=False, help=RELIABILITY_HELP)
    words = [_what(item) for item in found]
    chosen = st.selectbox(
        "Scores of", range(len(found)), format_func=lambda index: words[index], key=f"reliability_{key}", width=360
    )
    item = found[chosen or 0]
    show.facts(
        [
            (
                "Calibration error",
                f"{100 * item.ece:.1f} points",
                f"95 %: {100 * item.low:.1f} to {100 * item.high:.1f} · {count(item.samples, 'sample')}",
            ),
            ("Honest scores would show", f"{100 * item.by_chance:.1f} points", "by chance, with as many cells"),
            (
                "Can scores be read as they are?",
                honest_scores_words.at_their_word(item, found),
                f"judged on {item.cells:,} held-out cells",
            ),
        ]
    )
    show.note(honest_scores_words.verdict(item, found))
    by_time = honest_scores_words.times_sentence(found)
    if by_time:
        show.note(by_time)
    figures.show_figure(
        reliability_figure(item, simulated=simulated),
        f"{key}_reliability",
        csv(honest_scores_words.reliability_rows(found)),
        key=f"reliability_figure_{key}",
        alt="Reliability diagram: share of cells that are right against the score of the model",
    )


def _sets(app: App, run: Run, filters: Filters, data: object, order: Sequence[str]) -> None:
    percent = st.slider(
        "Error rate allowed, % of the cells of each class",
        1,
        30,
        10,
        key=f"sets_alpha_{run.run_id}",
        width=420,
        help="10 means: of all neurons, at most one in ten may have a set without neuron in it.",
    )
    try:
        found = honest_scores.sets_of.announced(cached.spinner("Counting …"), app, run, filters, percent / 100)
    except NscwebError as error:
        show.problem(error)
        return
    for sentence in found.sentences:
        show.note(sentence)
    simulated = run.provenance.simulated_cells
    name = f"{run.run_id}_class_sets" + ("_simulated" if simulated else "")
    figures.show_figure(
        sets_figure(
            _lit(found.groups, data),
            found.sets,
            found.classes,
            order=order,
            simulated=simulated,
            method=f"mean over replicates; conformal sets, error rate {percent} %",
        ),
        name,
        export.run_csv(_lit(sets_data(found.groups, found.sets, order), data), "Sets by group", run),
        key=f"sets_{run.run_id}",
        alt="Share of cells with each set of classes, one panel per inducer group over time",
    )
    st.caption(
        f"{found.cells:,} cells. One colour: a single class. Stripes: one of two classes. Grey: three or more. White: "
        "unlike every class. Bars are means over replicates. Thresholds from " + plain(found.source, 300) + "."
    )
    with st.expander("Every sample as a table"):
        st.dataframe(_table(found), hide_index=True)
        st.download_button(
            "Sets of every sample (CSV)",
            export.run_csv(_lit(found.shares, data), "Sets by sample", run),
            file_name=f"{name}_samples.csv",
            mime="text/csv",
            key=f"sets_samples_{run.run_id}",
            icon=":material/table:",
            on_click="ignore",
            type="tertiary",
        )


def _lit(table: pd.DataFrame, data: object) -> pd.DataFrame:
    return with_light(table, data) if isinstance(data, Comparison) else table


def _table(found: honest_scores.RunSets) -> pd.DataFrame:
    """A row per sample, a column per set, in per cent."""
    shares = found.shares
    wide = shares.pivot(index="sample_id", columns="set", values="share")[list(found.sets)]
    first = shares.drop_duplicates("sample_id").set_index("sample_id")
    wide = (100 * wide).map(lambda value: f"{value:.2f} %").reindex(first.index)
    known = pd.DataFrame(
        {
            label("sample"): [plain(name) for name in first.index],
            label("group"): [plain(name) for name in first["group"]],
            label("time"): ["" if pd.isna(hours) else TimePoint(float(hours)).label() for hours in first["time_h"]],
            label("replicate"): [plain(name) for name in first["replicate"]],
            label("cells"): first["cells"].to_numpy(),
        },
        index=first.index,
    )
    return pd.concat([known, wide], axis=1)


def _what(item: Reliability) -> str:
    if item.time_h is not None:
        return f"the class it names, at {TimePoint(item.time_h).label()}"
    return f"the class {plain(item.class_name)}" if item.class_name else "the class it names, all time points"
