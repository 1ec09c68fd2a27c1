"""A threshold for sorting: class, slider, expected share, a sentence, two figures and the table as CSV."""

from __future__ import annotations

import streamlit as st

from nscweb.figures.sorting_threshold import enrichment_figure, sorting_figure
from nscweb.services.compare.comparison import default_fate
from nscweb.services.context import App
from nscweb.services.evaluate.by_parts import splits_of
from nscweb.services.evaluate.evaluate import Evaluation
from nscweb.services.evaluate.sorting import sortable, sorting_sentence, sorting_table
from nscweb.services.report import export
from nscweb.ui import figures, show
from nscweb.ui.evaluate import cached_parts, evaluation_view
from nscweb.ui.text import plain
from nscweb.words.numbers import count

SORTING_HELP = (
    "A sorter keeps a cell when its score for the wanted class is at least the threshold. Precision: how many of the "
    "sorted cells are of the class. Recall: how many of the class are kept. Yield: how many of all cells are sorted. "
    "Enrichment: precision over the share of the class before sorting. A high threshold gives purer and fewer cells."
)
SHARE_HELP = (
    "Precision depends on how common the class is. Enter the share that you expect in your own sample; recall stays "
    "the same, precision, yield and enrichment are computed for it. The other classes are taken to be mixed with one "
    "another as in the cells judged here."
)


def fate_of_page(result: Evaluation) -> str:
    """The fate that was chosen on Predict or Compare for this run, else the one that these begin with."""
    chosen = st.session_state.get(f"compare_{result.run.run_id}_fate")
    return str(chosen) if chosen in result.classes.names else default_fate(result.classes)


def draw(app: App, result: Evaluation) -> None:
    """The section."""
    st.header("Threshold for sorting", anchor=False, help=SORTING_HELP)
    if result.mark:
        st.badge(result.mark, icon=":material/warning:", color="orange")
    by, part = evaluation_view.choose(app, result, "sorting")
    by = by if part else ""
    offered = sortable(app, result, by, part)
    if not offered:
        show.empty(
            "A threshold cannot be judged here",
            "It needs cells of the wanted class and cells of another class; these cells are all of one class. "
            "Choose all cells together, or another part.",
        )
        return
    left, right = st.columns([1, 1], vertical_alignment="bottom")
    asked = fate_of_page(result)
    wanted = left.selectbox(
        "Class to sort",
        offered,
        index=offered.index(asked) if asked in offered else 0,
        format_func=plain,
        key=f"sorting_class_{result.run.run_id}",
        help="It starts with the fate that Predict and Compare are about.",
    )
    threshold = right.slider(
        "Least score", 0.0, 1.0, 0.8, 0.01, key="sorting_threshold", help="Cells with this score or more are sorted."
    )
    left, right = st.columns([1, 1], vertical_alignment="bottom")
    other = left.toggle("My sample has another share of this class", key="sorting_other", help=SHARE_HELP)
    share = right.number_input(
        "Share expected in your sample, in %",
        min_value=0.1,
        max_value=99.9,
        value=20.0,
        step=1.0,
        key="sorting_share",
        disabled=not other,
    )
    prevalence = float(share) / 100 if other else None
    curve = cached_parts.sorting(app, result, str(wanted), prevalence, by, part)
    show.note(sorting_sentence(curve.at(float(threshold)), curve))
    times = splits_of(app, result).get("time", ())
    if times and by != "time":
        st.caption(
            f"Cells of {len(times)} time points are judged together here ({', '.join(times)}), and scores are surer at "
            "later ones. Sorting happens at one time: choose “time point” under “Split by”."
        )
    st.caption(
        f"Measured on {count(curve.cells, 'cell')} of {count(curve.samples, 'sample')}, {curve.positives:,} of them "
        f"{wanted}. Brackets and bands: 95 %, {curve.label}."
    )
    simulated = result.run.provenance.simulated_cells
    name = f"{result.run.run_id}_sorting" + ("_simulated" if simulated else "")
    data = export.run_csv(sorting_table(curve).assign(mark=result.mark), "Sorting", result.run)
    left, right = st.columns(2)
    with left:
        figures.show_figure(
            sorting_figure(curve.table, curve.class_name, float(threshold), simulated=simulated),
            name,
            data,
            key="sorting",
            alt="Precision, recall and yield against the least score, with 95 % bands",
        )
    with right:
        figures.show_figure(
            enrichment_figure(curve.table, curve.class_name, float(threshold), simulated=simulated),
            f"{name}_enrichment",
            data,
            key="enrichment",
            alt="Enrichment against the least score, with its 95 % band",
        )
