"""What a comparison of groups is asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field

from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.services.compare.comparison import DEFAULT_METHOD


@dataclass(frozen=True)
class CompareRequest:
    """How groups are counted and tested, and what the answer is about.

    Attributes:
        filters: what the comparison is narrowed to.
        method: key of `nscweb.evaluation.ratios.estimates.METHODS`.
        control: group that the others are tested against; "" tests every pair, None takes the group that the sample
            sheet marks as control, as the pages do.
        adjust: ``holm`` or ``fdr_bh``.
        fate: class that the answer is about; "" as the pages open.
        time_h: hours that the answer is about; None as the pages open.
    """

    filters: Filters = field(default_factory=Filters)
    method: str = DEFAULT_METHOD
    control: str | None = None
    adjust: str = "holm"
    fate: str = ""
    time_h: float | None = None
