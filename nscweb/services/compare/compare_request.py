"""What a comparison is asked: filled in by page, command line and report, taken by the services."""

from __future__ import annotations

from dataclasses import dataclass, field

from nscweb.core.errors import check_choice
from nscweb.core.rules import DEFAULT_ADJUST, DEFAULT_METHOD, DEFAULT_VARIANCE
from nscweb.evaluation.ratios.cell_filters import Filters


@dataclass(frozen=True)
class CompareRequest:
    """How groups are counted and tested, and what the answer is about.

    Attributes:
        filters: what the comparison is narrowed to.
        method: key of `nscweb.evaluation.ratios.estimates.METHODS`.
        control: group that the others are tested against; "" tests every pair, None takes the group that the sample
            sheet marks as control (`statistics.default_control`), and every pair where it marks none or several.
        adjust: ``holm`` or ``fdr_bh``.
        variance: key of `nscweb.evaluation.groups.group_errors.VARIANCES`: ``moderated`` borrows the spread of
            replicates across groups, ``own`` takes that of each group by itself.
        fate: class that the answer is about; "" as the pages open.
        time_h: hours that the answer is about; None as the pages open.

    Raises:
        WrongUse: an unknown method, way to adjust or spread: said before any study is looked for.
    """

    filters: Filters = field(default_factory=Filters)
    method: str = DEFAULT_METHOD
    control: str | None = None
    adjust: str = DEFAULT_ADJUST
    variance: str = DEFAULT_VARIANCE
    fate: str = ""
    time_h: float | None = None

    def __post_init__(self) -> None:
        from nscweb.evaluation.groups.group_errors import VARIANCES
        from nscweb.evaluation.groups.p_values import ADJUSTMENTS
        from nscweb.evaluation.ratios.estimates import METHODS

        check_choice(self.method, METHODS, "way to count ratios")
        check_choice(self.adjust, ADJUSTMENTS, "way to adjust p values")
        check_choice(self.variance, VARIANCES, "spread of replicates")


# As the pages open.
AS_OPENED = CompareRequest()
