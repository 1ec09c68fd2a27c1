"""The result of a comparison: everything that Predict, Compare and a report show of a run under filters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from nscweb.core.classes import ClassScheme
from nscweb.core.rules import DEFAULT_VARIANCE
from nscweb.core.run_record import Run
from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.services.compare.dashboard import DashboardData

if TYPE_CHECKING:
    from nscweb.evaluation.groups.group_errors import GroupErrors
    from nscweb.evaluation.ratios.estimates import Estimates
    from nscweb.words.headline import Answer


@dataclass(frozen=True, eq=False)
class Comparison:
    """Everything that Predict and Compare show of a run under filters. Read-only.

    Attributes:
        run, classes, filters: as in `data`.
        method: way of counting that was asked for; `estimates.method` is the one that was possible.
        control: group that the others are tested against; "" for every pair.
        adjust: ``holm`` or ``fdr_bh``.
        data: counts, naive ratios, filter options and warnings.
        estimates: corrected ratios, one row per sample and class.
        replicate_rows: columns of evaluation.groups.means.REPLICATE_COLUMNS, then ``light``.
        groups: columns of evaluation.ratios.estimates.GROUP_ESTIMATE_COLUMNS, then ``light`` (the worst of the
            samples), ``lights`` (how many samples have which, in words) and ``why`` (where nothing was recovered).
        tests: columns of services.compare.headline_tests.COMPARED_COLUMNS.
        lights: sample -> ``green``, ``yellow``, ``red``; samples that were not judged are missing.
        sentences: the answer for the default fate and time point, and what belongs to it.
        errors: what is known of the error of group means: the correction that all samples have in common, and the
            spread of replicates where it is borrowed across groups.
        variance: key of evaluation.groups.group_errors.VARIANCES that was asked for.
        hidden_rows: replicate rows of groups that the filter hides. They are not shown, but p values count their
            comparisons: how many questions a study asks is not decided by what somebody looks at.
        answers: those that were asked for already, see `answer_of`.
    """

    run: Run
    classes: ClassScheme
    filters: Filters
    method: str
    control: str
    adjust: str
    data: DashboardData
    estimates: Estimates
    replicate_rows: pd.DataFrame
    groups: pd.DataFrame
    tests: pd.DataFrame
    lights: dict[str, str]
    sentences: tuple[str, ...]
    errors: GroupErrors
    variance: str = DEFAULT_VARIANCE
    hidden_rows: pd.DataFrame = field(default_factory=pd.DataFrame)
    answers: dict[tuple[str, float], Answer] = field(default_factory=dict)
    leaders: dict[tuple[str, float], Answer] = field(default_factory=dict)
