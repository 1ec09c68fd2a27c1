"""Sentences that stand beside a ratio: how it was counted, and why it cannot be."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nscweb.evaluation.held_out import HeldOut


def hours_text(hours: float) -> str:
    """``12 h``, or ``an unknown time``."""
    return "an unknown time" if math.isnan(hours) else f"{hours:g} h"


def joined(names: Sequence[str], word: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}" if names else ""


def flat_sentence(alike: Sequence[str], hours: float) -> str:
    """Why the ratio of a sample is not given; empty when it is."""
    if not alike:
        return ""
    when = "" if math.isnan(hours) else f" at {hours:g} h"
    return (
        f"The ratio cannot be recovered: on held-out cells the model hardly tells {joined(alike)} apart{when}, so "
        "very different cultures would give the same counts. Use a later time point or a better model."
    )


def correction_sentence(
    held_out: HeldOut | None, method: str, instead: bool, elsewhere: Sequence[float], single: bool, least: int
) -> str:
    """One line for the page: which way of counting, from which cells, and what to keep in mind.

    Args:
        held_out: the cells of known class; None when there are none.
        method: key of METHODS that was used.
        instead: True when another one had been asked for.
        elsewhere: times of samples that had to be corrected with held-out cells of all times.
        single: each class and time has one held-out sample only.
        least: held-out cells per class that a time point needs.
    """
    if method == "naive":
        if not instead:
            return "Ratios are counted labels, not corrected for what the model mixes up."
        reason = (
            "this model came without held-out cells"
            if held_out is None
            else "the held-out cells of this model are too few of some of its classes"
        )
        return (
            f"Ratios are counted labels: {reason}, so they cannot be corrected for what the model mixes up, and "
            "the intervals do not contain that error."
        )
    kind = "simulated " if held_out is not None and held_out.simulated else ""
    cells = f"{0 if held_out is None else len(held_out):,} held-out {kind}cells of known class"
    if held_out is not None and held_out.source:
        cells = held_out.source
    how = {
        "pacc": f"by the mean scores of {cells} (PACC)",
        "acc": f"by the confusion matrix of {cells} (ACC)",
        "em": f"by maximum likelihood on calibrated scores (EM); the interval rests on {cells}",
    }[method]
    text = [
        f"Ratios are corrected for what the model mixes up in held-out cells, {how}; they are right as far as the "
        "model mixes up the cells of these samples alike."
    ]
    if instead and method == "acc":
        text.append("Only the confusion matrix of this model is known, not its scores.")
    if elsewhere:
        times = joined([hours_text(hours) for hours in elsewhere])
        text.append(
            f"For samples at {times} there are fewer than {least} held-out cells of each class at that time, so "
            "those of all times were used; their intervals are wider for it."
        )
    if single:
        text.append(
            "Each class and time point was held out with one sample only, so differences between samples are not "
            "in the intervals."
        )
    return " ".join(text)
