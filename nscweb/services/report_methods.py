"""The methods paragraph of a report: filled in from the run, ready to be pasted into a paper, with references."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from nscweb.core.timepoint import TimePoint
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
    parts = [f"{len(samples):,} samples"]
    parts += [f"{groups} inducer groups"] if groups else []
    parts += [f"time points {', '.join(times)}"] if times else []
    said = [
        f"{kind} images of {found.data.cells:,} cells ({'; '.join(parts)}) in the channel {made.channel} were analysed."
    ]
    gates = gates_of_run(data.run).sentence(found.filters.exclude_flags)
    share = 100 * found.data.kept / max(1, found.data.cells)
    said.append(
        f"Cells were gated for quality ({gates.rstrip('.')}); {found.data.kept:,} cells ({share:.1f} %) remained."
    )
    return said


def _model(data: ReportData, used: list[str]) -> list[str]:
    made = data.run.provenance
    name = f"{made.model} version {made.model_version} (SHA-256 of the weights {made.weights_sha256[:16]}…)"
    card = data.card
    source = f" {_cite(used, 'model')}" if card is not None and card.citation else ""
    said = [f"Each cell was given calibrated class scores by the network {name}{source}."]
    if card is not None:
        kind = "simulated" if card.origin.simulated else "measured"
        said.append(
            f"The network ({card.architecture}) had been trained on {card.origin.cells:,} {kind} cells and tells "
            f"{', '.join(card.classes.names)} apart."
        )
        accuracy = card.performance.metric("accuracy")
        if accuracy is not None:
            said.append(
                f"On {accuracy.cells:,} held-out cells of {accuracy.samples:,} samples its accuracy was "
                f"{100 * accuracy.value:.1f} % (95 % interval {100 * accuracy.low:.1f} to "
                f"{100 * accuracy.high:.1f} %)."
            )
    if made.simulated_training:
        said.append("Its accuracy for real cells is not known.")
    return said


def _counting(data: ReportData, used: list[str]) -> list[str]:
    found = data.found
    words, key = _COUNTED[found.estimates.method]
    said = [f"Ratios per sample were {words} {_cite(used, key)}."]
    if found.estimates.method != "naive":
        said.append(
            "Their 95 % intervals come from a bootstrap that draws the cells of the sample and the held-out cells "
            "together."
        )
    else:
        said.append("Their 95 % intervals are Wilson's over cells and do not contain the error of the model.")
    lost = int((~found.estimates.table["recovered"].astype(bool)).sum())
    if lost:
        said.append(f"{lost} ratios could not be recovered from the scores and are not given.")
    intervals = sorted({str(text) for text in found.groups["interval"]})
    said.append(
        "The biological replicate was the unit: mean, SD and SEM of a group are over replicates"
        + (f"; 95 % intervals: {'; '.join(intervals)}." if intervals else ".")
    )
    lights = list(found.lights.values())
    if lights:
        poor = sum(light != "green" for light in lights)
        said.append(
            f"Whether the model fits each sample was judged from the distance of its cells to the training cells; "
            f"{poor} of {len(lights)} samples got a doubtful mark."
        )
    return said


def _tests(data: ReportData, used: list[str]) -> list[str]:
    tests = data.found.tests
    if tests.empty:
        return []
    against = f"with {data.found.control}" if data.found.control else "in pairs"
    without = int(tests["p"].isna().sum())
    if without == len(tests):
        return [
            f"Groups were not tested: none of the {without} comparisons has the replicates that a p value needs "
            "(three in each group)."
        ]
    adjust = {"holm": "Holm's method", "fdr_bh": "the method of Benjamini and Hochberg"}[data.found.adjust]
    said = [
        f"Groups were compared {against} at each time point by Welch's t test on replicates {_cite(used, 'welch')}; "
        f"p values were adjusted by {adjust} {_cite(used, data.found.adjust)} over the comparisons of a class at a "
        f"time point ({_numbers(tests['comparisons'])}); effect sizes are Hedges g {_cite(used, 'hedges')}."
    ]
    if without:
        said.append(
            f"For {without} of {len(tests)} comparisons no p value is given, because replicates are too few or do not "
            "differ at all."
        )
    return said


def _software(data: ReportData) -> str:
    versions = data.run.provenance.versions
    wanted = ("python", "torch", "numpy", "pandas", "scipy", "statsmodels", "opencv-python")
    listed = ", ".join(f"{name} {versions[name]}" for name in wanted if name in versions)
    return (
        f"The analysis was made with nscweb {versions.get('nscweb', '')} ({listed}), run {data.run.run_id}."
    )


def _cite(used: list[str], key: str) -> str:
    if key not in used:
        used.append(key)
    return f"[{used.index(key) + 1}]"


def _numbers(values: Iterable[int]) -> str:
    return " or ".join(str(value) for value in sorted({int(value) for value in values}))
