"""The evaluation of a run: figures with intervals, confusion, curves, time points, and the shortcut check.

A part of the cells can be chosen; one table compares all parts.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import streamlit as st

from nscweb.core.card import Metric
from nscweb.core.run_record import Run
from nscweb.core.samples import Study
from nscweb.figures.accuracy import accuracy_by_time, accuracy_by_time_data, shortcut_bars, shortcut_bars_data
from nscweb.figures.confusion_and_curves import Area, confusion_data, confusion_figure, pr_figure, roc_figure
from nscweb.services.context import App
from nscweb.services.evaluate.by_parts import (
    MACRO,
    SPLITS,
    CurveBands,
    PartEvaluation,
    curves_with_bands,
    parts_table,
    splits_of,
    wide_table,
)
from nscweb.services.evaluate.evaluate import Evaluation
from nscweb.services.evaluate.metrics_files import PR_TABLE, metrics_table
from nscweb.services.report import export
from nscweb.services.study.populations import known_classes
from nscweb.ui import figures, frame, show
from nscweb.ui.evaluate import cached_parts
from nscweb.ui.models.cards import METRIC_HELP
from nscweb.ui.text import plain
from nscweb.words.card_words import metric_word
from nscweb.words.numbers import count

_ALL = "all"
SPLIT_HELP = (
    "Figures over all cells can hide that one time point, group, replicate or instrument is much worse. Only what "
    "the sample sheet tells apart is offered."
)


def choose(app: App, result: Evaluation, key: str) -> tuple[str, str]:
    """What is looked at: (split by, name of the part); ("", "") for all cells, (by, "") when no part is chosen."""
    offered = splits_of(app, result)
    if not offered:
        return "", ""
    left, right = st.columns([1, 1], vertical_alignment="bottom")
    by = left.selectbox(
        "Split by",
        [_ALL, *offered],
        format_func=lambda name: SPLITS.get(name, "nothing: all cells together"),
        key=f"{key}_by_{result.run.run_id}",
        help=SPLIT_HELP,
    )
    if by not in offered:
        return "", ""
    part = right.selectbox(
        f"Which {SPLITS[by]}",
        ["", *offered[by]],
        format_func=lambda name: plain(name) if name else "all of them, in a table",
        key=f"{key}_part_{by}_{result.run.run_id}",
    )
    return str(by), str(part or "")


def part_of(app: App, result: Evaluation, by: str, name: str) -> PartEvaluation | None:
    """The chosen part, or None for all cells."""
    if not by or not name:
        return None
    return next((part for part in cached_parts.parts(app, result, by) if part.name == name), None)


def table(app: App, result: Evaluation, by: str) -> None:
    """Every part with every figure and its interval, and all of it as CSV."""
    parts = cached_parts.parts(app, result, by)
    st.header(f"By {SPLITS[by]}", anchor=False, help=METRIC_HELP)
    shown = wide_table(parts, result.classes.names)
    overall = shown[shown["Class"] == "all classes"].drop(columns="Class")
    _draw(overall.loc[:, (overall != "").any()])
    with st.expander(f"Each class by {SPLITS[by]}", icon=":material/table_rows:"):
        rest = shown[shown["Class"] != "all classes"]
        _draw(rest.loc[:, (rest != "").any()])
    for remark in dict.fromkeys(part.remark for part in parts if part.remark):
        names = ", ".join(plain(part.name, 30) for part in parts if part.remark == remark)
        st.caption(f"{names}: {remark}".replace("$", "\\$"))
    simulated = "_simulated" if result.run.provenance.simulated_cells else ""
    st.download_button(
        f"Figures by {SPLITS[by]} (CSV)",
        export.run_csv(parts_table(parts).assign(mark=result.mark), "Metrics", result.run),
        file_name=f"{result.run.run_id}_metrics_by_{by}{simulated}.csv",
        mime="text/csv",
        icon=":material/table:",
        key="parts_csv",
        on_click="ignore",
    )


def _draw(rows: pd.DataFrame) -> None:
    named = rows.rename(columns={name: metric_word(name) for name in rows.columns if name.islower()})
    st.dataframe(named.assign(Part=[plain(name) for name in named["Part"]]), hide_index=True)


FIGURES, SORTING, MODELS, LABELS = "Figures", "Threshold for sorting", "Two models", "Check of the labels"
SECTIONS: tuple[str, ...] = (FIGURES, SORTING, MODELS, LABELS)
INTERVAL_HELP = (
    "Intervals are made by drawing whole samples again, within each true class, 1,000 times: cells of one sample are "
    "alike, so that many cells of few samples say less than they seem to. Few samples make intervals wider (Student's "
    "t on log odds). In simulations with 2 to 12 samples of a class, 88 to 99 % of the intervals held the truth; "
    "the least where most cells are right and samples differ much. Where a class has one sample only, cells are drawn "
    "instead; such an interval says nothing about the next experiment."
)
CONFUSION_HELP = (
    "Each row is a true class, each column a prediction. The numbers in a row say what the cells of that "
    "class were "
    "called; per cent are of the row. A perfect model has all cells on the diagonal."
)
CURVE_HELP = (
    "ROC: share of cells of the class that are found, against the share of other cells taken along, as "
    "the threshold on "
    "the score moves. Precision-recall: how pure the found cells are, against how many are found; "
    "it shows weaknesses for rare classes that ROC hides."
)

SHORTCUT_HELP = (
    "A plain regression is asked to name the true class from background level, frame size and mean intensity alone, "
    "without looking at the cell. When it succeeds, a network could succeed in the same way, and its accuracy "
    "would say little about cells."
)


def has_truth(app: App, study: Study, run: Run) -> bool:
    """Whether any cell has a true class that the model of this run knows."""
    return bool(known_classes(app, study.study_id) & set(run.class_names))


def explain_missing_truth(app: App, study: Study, run: Run) -> None:
    """Why there is nothing to compare with, and how to change that."""
    given = sorted(known_classes(app, study.study_id))
    if given:
        names = ", ".join(plain(name) for name in given)
        show.empty(
            "The true classes of this study are not classes of this model",
            f"The study says: {names}. The model of this run knows: {', '.join(run.class_names)}. "
            "Correct the sample sheet, or the populations under Settings, on the page Study, "
            "or predict with a model that knows these classes.",
        )
    else:
        show.empty(
            "This study has no true classes",
            "An evaluation needs samples whose fate is known, for example from markers or from pure "
            "cultures. Fill the "
            "column “true class” in the sample sheet on the page Study with: "
            f"{', '.join(run.class_names)}. No new prediction is needed.",
        )
    frame.page_link("study", "Open the sample sheet")


def choose_section(run: Run) -> str:
    """What the page shows; only the chosen section is computed."""
    picked = st.segmented_control(
        "Show",
        list(SECTIONS),
        default=FIGURES,
        required=True,
        key=f"evaluate_section_{run.run_id}",
        label_visibility="collapsed",
    )
    return str(picked or FIGURES)


def numbers(result: Evaluation, part: PartEvaluation | None) -> None:
    """Accuracy, macro F1 and AUC with their intervals."""
    if result.mark:
        st.badge(result.mark, icon=":material/warning:", color="orange")
    metrics = part.metrics if part else result.metrics
    tiles = [
        (metric_word(item.name), f"{item.value:.3f}", f"95 %: {item.low:.3f} to {item.high:.3f}")
        for item in metrics
        if not item.class_name
    ]
    cells, samples = (part.cells, part.samples) if part else (result.cells, result.samples)
    show.facts([*tiles, ("Cells with truth", f"{cells:,}", f"in {count(samples, 'sample')}")])
    how = next((item.interval for item in metrics if item.interval), "")
    left_out = "; ".join(f"{reason}: {number:,}" for reason, number in result.left_out.items() if number)
    said = [f"Intervals: {how}"] if how else []
    said += [f"Not used: {left_out}"] if left_out else []
    st.caption(". ".join(said) or "Every cell of this run is used.", help=f"{METRIC_HELP} {INTERVAL_HELP}")
    st.caption(
        "Blurred cells and doublets are judged here too, because leaving hard cells out makes figures too good; the "
        "ratios on Predict and Compare leave them out."
    )
    if part and part.remark:
        show.note(part.remark)


def confusion(result: Evaluation, part: PartEvaluation | None) -> None:
    """Confusion matrix as counts with row per cent."""
    st.header("Confusion", anchor=False, help=CONFUSION_HELP)
    matrix = part.confusion if part else result.confusion
    figures.show_figure(
        confusion_figure(matrix, result.classes, simulated=_simulated(result)),
        _file(result, "confusion", part),
        export.run_csv(confusion_data(matrix, result.classes), "Fig confusion", result.run),
        key="confusion",
        alt="Confusion matrix: rows true classes, columns predictions, counts and per cent of the row",
    )


def per_class(result: Evaluation, part: PartEvaluation | None, bands: CurveBands) -> None:
    """Precision, recall, F1, AUC and average precision of each class with intervals."""
    st.subheader("Each class", anchor=False, help=METRIC_HELP)
    metrics = [item for item in (part.metrics if part else result.metrics) if item.class_name]
    kinds = list(dict.fromkeys(item.name for item in metrics))
    rows = []
    for name in result.classes.names:
        row: dict[str, object] = {"Class": name}
        for kind in kinds:
            found = next((item for item in metrics if (item.name, item.class_name) == (kind, name)), None)
            row[metric_word(kind)] = _with_interval(found)
        if name in bands.average_precision:
            value, low, high = bands.average_precision[name]
            row["Average precision"] = f"{value:.3f} [{low:.3f}–{high:.3f}]"
        rows.append(row)
    st.dataframe(pd.DataFrame(rows), hide_index=True)
    st.download_button(
        "Figures (CSV)",
        export.run_csv(metrics_table(result), "Metrics", result.run),
        file_name=f"{_file(result, 'metrics', None)}.csv",
        mime="text/csv",
        icon=":material/table:",
        key="metrics_csv",
        on_click="ignore",
    )


def curves(result: Evaluation, part: PartEvaluation | None, bands: CurveBands) -> None:
    """ROC and precision-recall curves with their bands and areas, of everything or of one part."""
    st.header("Curves", anchor=False, help=CURVE_HELP)
    metrics = part.metrics if part else result.metrics
    areas: dict[str, Area] = {
        item.class_name or MACRO: item
        for item in metrics
        if item.name == "auc" and (not item.class_name or item.class_name in bands.roc)
    }
    left, right = st.columns(2)
    with left:
        figures.show_figure(
            roc_figure(bands.roc, areas, result.classes, simulated=_simulated(result), bands=bands.roc_band),
            _file(result, "roc", part),
            export.run_csv(curves_with_bands(bands, "roc"), "ROC", result.run),
            key="roc",
            alt="ROC curve of each class with its 95 % band",
        )
    with right:
        figures.show_figure(
            pr_figure(
                bands.pr, bands.average_precision, result.classes, simulated=_simulated(result), bands=bands.pr_band
            ),
            _file(result, "precision_recall", part),
            export.run_csv(curves_with_bands(bands, "precision_recall"), PR_TABLE, result.run),
            key="pr",
            alt="Precision-recall curve of each class with its 95 % band",
        )
    if bands.label:
        st.caption(f"Shaded: 95 % interval at each place, {bands.label}.", help=INTERVAL_HELP)


def over_time(result: Evaluation) -> None:
    """Accuracy and recall at each time point."""
    if not result.by_time:
        return
    st.header("Time by time", anchor=False, help=METRIC_HELP)
    metrics = [replace(item, time_h=part.time_h) for part in result.by_time for item in part.metrics]
    figures.show_figure(
        accuracy_by_time(metrics, result.classes, simulated=_simulated(result)),
        _file(result, "accuracy_by_time", None),
        export.run_csv(accuracy_by_time_data(metrics, result.classes), "Fig accuracy over time", result.run),
        key="by_time",
        alt="Lines: accuracy and recall of each class at each time point with 95 % intervals",
    )


def shortcuts(result: Evaluation) -> None:
    """How well recording conditions alone name the class: one sentence and one small figure."""
    st.header("Shortcut check", anchor=False, help=SHORTCUT_HELP)
    if not result.shortcuts:
        show.note("This study cannot be checked: there are too few samples with known classes, or no quality features.")
        return
    show.note(str(result.shortcuts["sentence"]))
    figures.show_figure(
        shortcut_bars(result.shortcuts, simulated=_simulated(result)),
        _file(result, "shortcuts", None),
        export.run_csv(shortcut_bars_data(result.shortcuts), "Fig shortcuts", result.run),
        key="shortcuts",
        alt="Bars: share of cells whose class is named right from background, frame size and intensity alone",
    )


def _simulated(result: Evaluation) -> bool:
    return result.run.provenance.simulated_cells


def _with_interval(metric: Metric | None) -> str:
    return f"{metric.value:.3f} [{metric.low:.3f}–{metric.high:.3f}]" if metric else ""


def _file(result: Evaluation, what: str, part: PartEvaluation | None) -> str:
    # Names of groups never become names of files.
    which = f"_{part.by}_{part.name.replace(' ', '')}" if part and part.by == "time" else ""
    which = which or (f"_one_{part.by}" if part else "")
    return f"{result.run.run_id}_{what}{which}" + ("_simulated" if _simulated(result) else "")
