"""What a report is asked to say, which samples its filters let through, how many cells are behind the ratios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from nscweb.core.errors import WrongUse, check_choice
from nscweb.core.rules import DIFFERENCE, MARGIN
from nscweb.core.timepoint import TimePoint
from nscweb.evaluation.ratios.cell_filters import FilterOptions, Filters
from nscweb.services.compare.compare_request import CompareRequest
from nscweb.services.compare.facts import cells_counted
from nscweb.words.numbers import listed

if TYPE_CHECKING:
    import pandas as pd

    from nscweb.services.compare.result import Comparison

_MOST_NAMED = 6
ReportForm = Literal["html", "xlsx", "fcs", "fcs-one", "pop", "cells", "zip"]
FORMS: tuple[str, ...] = get_args(ReportForm)


@dataclass(frozen=True)
class ReportRequest(CompareRequest):
    """A report: what page and command line fill in, what `write_report` and `report_data` take.

    Attributes:
        form: one of `FORMS`: ``html``, ``xlsx``, ``fcs`` (a zip with a file per sample), ``fcs-one`` (one file),
            ``pop`` (a zip), ``cells`` (CSV) or ``zip`` (everything).
        margin: 0..1, largest difference that would not matter, of the tests of equivalence.
        difference: 0..1, what should be found, of the replicates needed.
        cells: the workbook gets one row per cell.

    Raises:
        WrongUse: an unknown form, or as `CompareRequest`.
    """

    form: str = "html"
    margin: float = MARGIN
    difference: float = DIFFERENCE
    cells: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self.form, FORMS, "form of a report")


def check_filters(there: FilterOptions, chosen: Filters) -> None:
    """WrongUse where a filter names a group, time point or replicate that the study does not have."""
    for word, asked, known in (
        ("group", chosen.groups, there.groups),
        ("time point", _labels(chosen.times_h), _labels(there.times_h)),
        ("replicate", chosen.replicates, there.replicates),
    ):
        strange = [name for name in asked if name not in known]
        if strange:
            names = [name or "(not given)" for name in known]
            raise WrongUse(f"This study has no {word} {strange[0]!r}.", f"There are: {', '.join(names) or 'none'}.")


def _labels(times_h: Sequence[float]) -> tuple[str, ...]:
    return tuple(TimePoint(hours).label() for hours in times_h)


def analysed(found: Comparison) -> pd.DataFrame:
    """The samples that the filters let through, without those that calibrate: rows of `DashboardData.samples`."""
    samples = found.data.samples
    return samples[~samples["sample_id"].isin(found.data.controls)]


def counted_samples(found: Comparison) -> tuple[str, ...]:
    """Samples with at least one cell behind a ratio: those that lights and doubts are told of."""
    return tuple(dict.fromkeys(found.estimates.table["sample_id"].astype(str)))


def filtered_away(found: Comparison) -> frozenset[str]:
    """Samples of the sheet that a filter on group, time or replicate took away."""
    chosen = found.filters
    return frozenset(
        item.name
        for item in found.data.sheet
        if (chosen.groups and item.group not in chosen.groups)
        or (chosen.times_h and item.time_h not in chosen.times_h)
        or (chosen.replicates and item.replicate not in chosen.replicates)
    )


def counted_words(found: Comparison) -> str:
    """ "2,522 of 2,700 cells counted in 18 samples", for the head of a report."""
    samples = analysed(found)
    word = "sample" if len(samples) == 1 else "samples"
    whole = int(samples["cells_in"].sum())
    return f"{cells_counted(found):,} of {whole:,} cells counted in {len(samples):,} {word}"


def chosen_words(found: Comparison) -> tuple[str, ...]:
    """What the filters chose, out of how much, a sentence each; nothing where they are open."""
    chosen, there = found.filters, found.data.options
    parts = (
        ("inducer group", [name or "no group given" for name in chosen.groups], len(there.groups)),
        ("time point", [TimePoint(hours).label() for hours in chosen.times_h], len(there.times_h)),
        ("replicate", [name or "not given" for name in chosen.replicates], len(there.replicates)),
    )
    said = []
    for word, names, whole in parts:
        if names:
            verb = "was" if len(names) == 1 else "were"
            plural = word if whole == 1 else f"{word}s"
            kept = listed(names, _MOST_NAMED)
            said.append(f"Of {whole} {plural}, {len(names)} {verb} analysed (chosen by filter: {kept}).")
    return tuple(said)


def family_left_out(found: Comparison) -> str:
    """Under a filter by group: how many groups are not shown, and that p values count them; else ""."""
    if not found.filters.groups:
        return ""
    whole = len(found.data.options.groups)
    out = len(set(found.data.options.groups) - set(found.filters.groups))
    if not out:
        return ""
    return (
        f"{out} of {whole} inducer groups were left out of this report by choice; the adjustment of p values still "
        "counts the comparisons with them."
    )


def confidence_words(found: Comparison) -> str:
    """What the filter by confidence did to the ratios; "" where there is none."""
    least = found.filters.min_confidence
    if least <= 0:
        return ""
    if found.estimates.method == "naive":
        return f"Only cells with a score of at least {100 * least:g} % were counted, which may shift the ratios."
    return (
        f"The filter by confidence ({100 * least:g} %) had no effect on the corrected ratios: they rest on all "
        f"{cells_counted(found):,} cells of the samples that passed the quality gates."
    )
