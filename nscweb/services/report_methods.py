"""The methods paragraph of a report: filled in from the run, ready to be pasted into a paper, with references."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from nscweb.core.timepoint import TimePoint
from nscweb.evaluation.estimates import ROUNDS
from nscweb.services.gates import gates_of_run
from nscweb.services.report_data import ReportData

_COUNTED = {
    "pacc": (
        "estimated from the calibrated scores by probabilistic adjusted counting, which removes the bias that the "
        "model's confusion gives to counted labels",
        "pacc",
    ),
    "acc": ("corrected with the confusion matrix of the model (adjusted count)", "acc"),
    "em": ("estimated by maximum likelihood on calibrated scores with the EM algorithm", "em"),
    "naive": ("counted from predicted labels without correction for the model's confusion", "wilson"),
}
REFERENCES: dict[str, str] = {
    "pacc": "Bella A, Ferri C, Hernández-Orallo J, Ramírez-Quintana MJ (2010) Quantification via probability "
    "estimators. IEEE International Conference on Data Mining, 737-742.",
    "acc": "Forman G (2008) Quantifying counts and costs via classification. Data Min Knowl Discov 17:164-206.",
    "em": "Saerens M, Latinne P, Decaestecker C (2002) Adjusting the outputs of a classifier to new a priori "
    "probabilities: a simple procedure. Neural Comput 14:21-41.",
    "guo": "Guo C, Pleiss G, Sun Y, Weinberger KQ (2017) On calibration of modern neural networks. Proc 34th Int Conf "
    "Mach Learn, 1321-1330.",
    "satterthwaite": "Satterthwaite FE (1946) An approximate distribution of estimates of variance components. "
    "Biometrics Bull 2:110-114.",
    "wilson": "Wilson EB (1927) Probable inference, the law of succession, and statistical inference. J Am Stat "
    "Assoc 22:209-212.",
    "welch": "Welch BL (1947) The generalization of 'Student's' problem when several different population variances "
    "are involved. Biometrika 34:28-35.",
    "holm": "Holm S (1979) A simple sequentially rejective multiple test procedure. Scand J Stat 6:65-70.",
    "fdr_bh": "Benjamini Y, Hochberg Y (1995) Controlling the false discovery rate. J R Stat Soc B 57:289-300.",
    "hedges": "Hedges LV (1981) Distribution theory for Glass's estimator of effect size and related estimators. "
    "J Educ Stat 6:107-128.",
}


def methods_text(data: ReportData) -> tuple[list[str], list[str]]:
    """(sentences of the paragraph, references that they name), made from the run alone."""
    used: list[str] = []
    said = [*_cells(data), *_model(data, used), *_counting(data, used), *_tests(data, used), _software(data)]
    cited = data.card.citation if data.card is not None else ""
    return said, [REFERENCES.get(key, cited) for key in used]


def _cells(data: ReportData) -> list[str]:
    found, made = data.found, data.run.provenance
    samples = data.tables["Samples"]
    groups = samples["group"].replace("", pd.NA).dropna().nunique()
    times = [TimePoint(float(hours)).label() for hours in sorted(samples["time_h"].dropna().unique())]
    kind = "Simulated brightfield" if made.simulated_cells else "Brightfield"
    parts = [f"{len(samples):,} {_plural(len(samples), 'sample')}"]
    parts += [f"{groups} inducer {_plural(groups, 'group')}"] if groups else []
    parts += [f"{_plural(len(times), 'time point')} {', '.join(times)}"] if times else []
    size = data.provenance.get("pixel_size_um")
    scale = f" at {size:g} µm per pixel" if size else ""
    said = [
        f"{kind} images of {found.data.cells:,} cells ({'; '.join(parts)}) in the channel {made.channel}{scale} were "
        "analysed."
    ]
    gates = gates_of_run(data.run).sentence(found.filters.exclude_flags).rstrip(".")
    kept, share = found.data.kept, 100 * found.data.kept / max(1, found.data.cells)
    behind = samples.loc[samples["cells"] > 0, "cells"]
    each = f", {_range(behind)} per sample (median {behind.median():,.0f})" if len(behind) else ""
    left_out = gates.removeprefix("Left out: ")
    ruled = (
        f"Cells were left out for their quality by fixed rules: {left_out}."
        if left_out != gates
        else f"{gates}."
    )
    said.append(f"{ruled} {kept:,} cells ({share:.1f} %) were counted{each}.")
    if found.data.controls:
        names = ", ".join(found.data.controls)
        said.append(f"Control samples ({names}) served to calibrate and are in no result.")
    return said


def _model(data: ReportData, used: list[str]) -> list[str]:
    made = data.run.provenance
    name = f"{made.model} version {made.model_version} (SHA-256 of the weights {made.weights_sha256[:16]}…)"
    card = data.card
    source = f" {_cite(used, 'model')}" if card is not None and card.citation else ""
    said = [f"Each cell was given a score for each class by the network {name}{source}."]
    if card is None:
        return said
    if "temperature" in card.calibration:
        said.append(
            f"Scores were calibrated by temperature scaling {_cite(used, 'guo')} on cells that were not trained on "
            f"(temperature {card.temperature:.2f})."
        )
    kind = "simulated" if card.origin.simulated else "measured"
    said.append(
        f"The network ({card.architecture}) had been trained on {card.origin.cells:,} {kind} cells and tells "
        f"{', '.join(card.classes.names)} apart."
    )
    accuracy = card.performance.metric("accuracy")
    if accuracy is not None:
        how = f", {accuracy.interval}" if accuracy.interval else ""
        said.append(
            f"On {accuracy.cells:,} {kind} held-out cells of {accuracy.samples:,} samples its accuracy was "
            f"{100 * accuracy.value:.1f} % (95 % interval {100 * accuracy.low:.1f} to "
            f"{100 * accuracy.high:.1f} %{how})."
        )
    if made.simulated_training:
        said.append("Its accuracy for real cells is not known.")
    return said


def _counting(data: ReportData, used: list[str]) -> list[str]:
    found = data.found
    words, key = _COUNTED[found.estimates.method]
    said = [f"The share of each class in a sample was {words} {_cite(used, key)}."]
    if found.estimates.method != "naive":
        said += [
            *_known(data),
            f"95 % intervals of samples come from {ROUNDS} bootstrap rounds; each draws the cells of the sample and "
            "the held-out cells again and adds a deviation as large as held-out samples differ among themselves.",
        ]
    else:
        said.append("95 % intervals of samples are Wilson's over cells and leave out the error of the model.")
    lost = int((~found.estimates.table["recovered"].astype(bool)).sum())
    if lost:
        said.append(f"{lost:,} shares could not be recovered from the scores and are not given.")
    replicates = found.groups["replicates"]
    n = f" (n = {_range(replicates)} per group and time point)" if len(replicates) else ""
    said.append(
        f"The unit of analysis is the biological replicate as entered in the sample sheet{n}; cells are not "
        "replicates. Values are means over replicates, SD is between replicates."
    )
    intervals = sorted({str(text) for text in found.groups["interval"] if text})
    if intervals:
        shared = any("share" in text for text in intervals)
        added = f" (degrees of freedom after Satterthwaite {_cite(used, 'satterthwaite')})" if shared else ""
        said.append(f"95 % intervals of groups: {'; '.join(intervals)}{added}.")
    lights = list(found.lights.values())
    if lights:
        poor = sum(light != "green" for light in lights)
        said.append(
            "Whether the model fits each sample was judged before counting: what the network sees, what it is given "
            "and what the camera stored were compared with the held-out samples (trust light). "
            f"{poor:,} of {len(lights):,} samples got a doubtful mark; all are counted, and doubtful ones marked."
        )
    return said


def _known(data: ReportData) -> list[str]:
    """Which cells of known class the correction rests on."""
    held = data.card.held_out if data.card is not None else {}
    if data.found.data.controls:
        return ["How the model confuses the classes was measured on the control samples of this study."]
    if not held.get("cells"):
        return []
    return [
        f"How the model confuses the classes was measured on {int(held['cells']):,} held-out cells of "
        f"{int(held.get('samples', 0)):,} samples, at the same time point where there are enough."
    ]


def _tests(data: ReportData, used: list[str]) -> list[str]:
    tests = data.found.tests
    if tests.empty:
        return []
    against = f"with {data.found.control}" if data.found.control else "in pairs"
    without = int(tests["p"].isna().sum())
    if without == len(tests):
        return [
            f"Groups were not tested: none of the {without:,} comparisons has the replicates that a p value needs "
            "(three in each group)."
        ]
    adjust = {"holm": "Holm's method", "fdr_bh": "the method of Benjamini and Hochberg"}[data.found.adjust]
    tested = tests[tests["p"].notna()]
    said = [
        f"Groups were compared {against} at each time point by two-sided Welch t tests on the shares of replicates "
        f"{_cite(used, 'welch')}, not assuming equal variances. p values were adjusted by {adjust} "
        f"{_cite(used, data.found.adjust)} over the {_range(tested['comparisons'])} comparisons of a class at a time "
        "point, not across classes or time points; differences with an adjusted p below 0.05 are taken as shown. "
        f"Intervals of differences are 95 % and not adjusted; effect sizes are Hedges g {_cite(used, 'hedges')}."
    ]
    if without:
        said.append(
            f"For {without:,} of {len(tests):,} comparisons no p value is given, because replicates are too few or do "
            "not differ at all."
        )
    return said


def _software(data: ReportData) -> str:
    versions = data.run.provenance.versions
    wanted = (
        "python", "torch", "onnxruntime", "numpy", "pandas", "scipy", "statsmodels", "scikit-learn", "opencv-python",
    )  # fmt: skip
    listed = ", ".join(f"{name} {versions[name]}" for name in wanted if name in versions)
    return (
        f"The analysis was made with nscweb {versions.get('nscweb', '')} ({listed}), run {data.run.run_id} of "
        f"{data.run.created_utc[:10]}; all settings and hashes in full are in the report, from which `nscweb rerun` "
        "makes the tables again."
    )


def _cite(used: list[str], key: str) -> str:
    if key not in used:
        used.append(key)
    return f"[{used.index(key) + 1}]"


def _range(values: Iterable[int]) -> str:
    """ "3", or "2 to 5"."""
    found = sorted({int(value) for value in values})
    return f"{found[0]:,}" if len(found) == 1 else f"{found[0]:,} to {found[-1]:,}"


def _plural(number: int, word: str) -> str:
    return word if number == 1 else f"{word}s"
