"""What stands behind the numbers of a sentence: the way of counting, and everything that was left out or is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Facts:
    """What stands behind the numbers and belongs into the sentence; all of one fate and time point.

    Attributes:
        method: key of evaluation.estimates.METHODS.
        control: group that the others were tested against; "" when every pair was tested.
        control_marked: the sample sheet says that this group is a control.
        adjust: ``holm`` or ``fdr_bh``.
        simulated_cells: the cells are simulated.
        simulated_training: the model has learnt from simulated cells only.
        why_lost: a sentence on why ratios could not be recovered; "" for our own.
        other_times: the model has no held-out cells of this time point; ratios rest on those of others.
        least_score: cells with a lower score were not counted, 0..1.
        hidden_groups: groups that the filter leaves out; they are neither ranked nor tested.
        hidden_replicates: replicates that the filter leaves out.
        emptied: groups recorded at this time point of which no cell is left.
        red: group -> how many of its samples have a red trust light, and how many it has.
        small: group -> how many of its replicates have too few cells, and how many it has; only where there are any.
        unnamed: groups with samples that name no replicate, so that each counts as one.
    """

    method: str = "pacc"
    control: str = ""
    control_marked: bool = False
    adjust: str = "holm"
    simulated_cells: bool = False
    simulated_training: bool = False
    why_lost: str = ""
    other_times: bool = False
    least_score: float = 0.0
    hidden_groups: int = 0
    hidden_replicates: int = 0
    emptied: tuple[str, ...] = ()
    red: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    small: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    unnamed: frozenset[str] = frozenset()
