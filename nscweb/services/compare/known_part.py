"""What the cells of known class behind a correction allow: how narrow intervals can be, and whether EM may be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.card import CardEntry
from nscweb.core.run_record import Run
from nscweb.services.compare.honest_scores import held_out_of_model, mark_of
from nscweb.services.compare.ratios import held_out_of
from nscweb.services.compare.result import Comparison
from nscweb.services.kept import kept
from nscweb.services.predict.run_sums import counted_sums

if TYPE_CHECKING:
    from nscweb.evaluation.scores.held_out import HeldOut
    from nscweb.services.context import App


def more_cells_line(found: Comparison) -> str:
    """What more held-out cells would be worth to the samples of a comparison; "" for counted labels."""
    from nscweb.evaluation.ratios.more_cells import with_more_cells
    from nscweb.words.held_out_words import more_cells

    return more_cells(with_more_cells(found.estimates))


def more_cells_dict(found: Comparison) -> dict[str, Any] | None:
    """The same as plain values for JSON: cells of a class, widths in points, and the sentence; None without."""
    from nscweb.evaluation.ratios.more_cells import with_more_cells

    cost = with_more_cells(found.estimates)
    if cost is None:
        return None
    return {
        "fewest_of_a_class": cost.fewest,
        "most_of_a_class": cost.most,
        "mean_width_points": round(100 * cost.now, 2),
        "more_of_each_class": cost.more,
        "mean_width_with_more_points": round(100 * cost.then, 2),
        "sentence": more_cells_line(found),
    }


def known_lines(entry: CardEntry) -> list[str]:
    """For the card of a model: what the number of its held-out cells costs, and whether EM may take its scores.

    [] for a model that came without held-out cells.

    Raises:
        ModelError: the file of its held-out scores is damaged.
    """
    held = held_out_of_model(entry)
    return [] if held is None else list(_known_lines(held))


@kept(4, lambda held: mark_of(held))
def _known_lines(held: HeldOut) -> tuple[str, ...]:
    from nscweb.evaluation.ratios.corrected import honest_at
    from nscweb.evaluation.ratios.more_cells import of_a_model
    from nscweb.words.held_out_words import em_of_model, more_cells_of_model

    times = np.unique(held.times[np.isfinite(held.times)])
    lines = (more_cells_of_model(of_a_model(held)), em_of_model(honest_at(held, times)))
    return tuple(line for line in lines if line)


def why_no_em(app: App, run: Run) -> str:
    """Why maximum likelihood is not offered for a run; "" where it is, or where nothing is corrected anyway."""
    from nscweb.evaluation.ratios.cell_filters import Filters

    known = held_out_of(app, run)
    return "" if known is None else _why_no_em(known, counted_sums(app, run, Filters(), False)[0].times_h)


@kept(16, lambda known, times_h: (mark_of(known), tuple(np.unique(times_h).tolist())))
def _why_no_em(known: HeldOut, times_h: NDArray[np.float64]) -> str:
    from nscweb.evaluation.ratios.corrected import why_not_em

    return why_not_em(known, times_h)
