"""The part of the methods text on ratios and tests: how cells became shares, and how groups were compared."""

from __future__ import annotations

from nscweb.core.rules import ALPHA, LEVEL, per_cent, spelled
from nscweb.evaluation.ratios.estimates import ROUNDS
from nscweb.services.report.content import ReportData
from nscweb.services.report.references import cite, numbers, plural
from nscweb.services.report.scope import confidence_words, family_left_out
from nscweb.words.numbers import listed

_COUNTED = {
    "pacc": (
        "estimated from the calibrated scores by probabilistic adjusted counting, which corrects for what the "
        "model mixes up in held-out cells and is right as far as the samples are mixed up alike",
        "pacc",
    ),
    "acc": ("corrected with the confusion matrix of the model (adjusted count)", "acc"),
    "em": ("estimated by maximum likelihood on calibrated scores with the EM algorithm", "em"),
    "naive": ("counted from predicted labels without correction for the model's confusion", "wilson"),
}
_METHODS = {"holm": "Holm's method", "fdr_bh": "the method of Benjamini and Hochberg"}


def ratio_sentences(data: ReportData, used: list[str]) -> list[str]:
    """How the share of each class in a sample and in a group was found."""
    found = data.found
    words, key = _COUNTED[found.estimates.method]
    said = [f"The share of each class in a sample was {words} {cite(used, key)}."]
    if found.estimates.method != "naive":
        said += [
            *_known(data),
            f"95 % intervals of samples come from {ROUNDS} bootstrap rounds; each draws the cells of the sample and "
            "the held-out cells again and adds a deviation as large as held-out samples differ among themselves.",
        ]
    else:
        said.append("95 % intervals of samples are Wilson's over cells and leave out the error of the model.")
    if confidence := confidence_words(found):
        said.append(confidence)
    replicates = found.groups["replicates"]
    n = f" (n = {numbers(replicates)} per group and time point)" if len(replicates) else ""
    said.append(
        f"The unit of analysis is the biological replicate as entered in the sample sheet{n}; cells are not "
        "replicates. Values are means over replicates, SD is between replicates."
    )
    intervals = sorted({str(text) for text in found.groups["interval"] if text})
    if intervals:
        shared = any("share" in text for text in intervals)
        added = f" (degrees of freedom after Satterthwaite {cite(used, 'satterthwaite')})" if shared else ""
        said.append(f"95 % intervals of groups: {'; '.join(intervals)}{added}.")
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


def control_words(data: ReportData) -> str:
    """Which group the others are compared with and who chose it, out of how many; "" where all pairs are tested."""
    control = data.found.control
    if not control:
        return ""
    if control == data.sheet_control:
        return f"{control} is the control of the sample sheet."
    whole = len(data.found.data.options.groups)
    sheet = f"names {data.sheet_control}" if data.sheet_control else "names none"
    return (
        f"{control} was chosen as the control for this report, out of {whole} {plural(whole, 'group')}; the sample "
        f"sheet {sheet}. p values hold only if this choice was made before the results were seen."
    )


def test_sentences(data: ReportData, used: list[str]) -> list[str]:
    """How groups were compared; nothing where there are no two groups."""
    found, tests = data.found, data.found.tests
    if tests.empty:
        return []
    against = f"with {found.control}" if found.control else "in pairs"
    without = int(tests["p"].isna().sum())
    control = [text for text in [control_words(data)] if text]
    if without == len(tests):
        return [
            *control,
            f"Groups were not tested: none of the {without:,} comparisons has the replicates that a p value needs "
            f"({spelled(found.errors.fewest)} in each group).",
        ]
    tested = tests[tests["p"].notna()]
    said = [
        f"Groups were compared {against} at each time point by two-sided {_tests(data, used)}.",
        *control,
        _adjustment(data, sorted({int(number) for number in tested["comparisons"]}), used),
        *[text for text in [family_left_out(found)] if text],
        f"Adjusted p values below {ALPHA:g} are taken as evidence of a difference. Intervals of differences are "
        f"{per_cent(LEVEL)} and "
        f"not adjusted; effect sizes are Hedges g {cite(used, 'hedges')}.",
    ]
    if without:
        said.append(
            f"For {without:,} of {len(tests):,} comparisons no p value is given, because replicates are too few or do "
            "not differ at all."
        )
    return said


def _tests(data: ReportData, used: list[str]) -> str:
    """The test, and where the spread of replicates comes from."""
    borrowed = data.found.errors.borrowed
    if borrowed is None:
        return f"Welch t tests on the shares of replicates {cite(used, 'welch')}, not assuming equal variances"
    return (
        "moderated t tests on the shares of replicates: variances, divided by p (1 - p), were drawn together by "
        f"empirical Bayes {cite(used, 'smyth')} with robust hyperparameters {cite(used, 'phipson')}, those of a group "
        f"over its time points and classes to those of all {borrowed.groups} groups, and single ones to that of their "
        "group, at most eight degrees of freedom in a step. Intervals of means rest on the same variances"
    )


def _adjustment(data: ReportData, sizes: list[int], used: list[str]) -> str:
    """Over what p values were adjusted: families of one class at one time point."""
    how = f"{_METHODS[data.found.adjust]} {cite(used, data.found.adjust)}"
    if sizes == [1]:
        return (
            "Each class was tested once at each time point, so that p values needed no adjustment "
            f"({how} leaves a single p value as it is)."
        )
    each = f"{sizes[0]} comparisons each" if len(sizes) == 1 else f"{listed([str(n) for n in sizes])} comparisons"
    return (
        f"p values were adjusted by {how} within families of one class at one time point ({each}), not across classes "
        "or time points."
    )
