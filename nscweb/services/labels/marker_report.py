"""What a report says of labels from markers: against the medium, and predicted ratios against them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from nscweb.core.run_record import Run
from nscweb.files.html_document import Table
from nscweb.services.labels.marker_labels import agreement_sentence, marker_against_medium, marker_against_prediction

if TYPE_CHECKING:
    from nscweb.services.context import App

MEDIUM, PREDICTION = "Markers and medium", "Markers and prediction"
NOTHING = "No cell of the study is labelled by markers; that is done on the page Cells."
_MOST_LINES = 120


def marker_tables(app: App, run: Run, samples: set[str]) -> dict[str, pd.DataFrame]:
    """The tables `MEDIUM` and `PREDICTION`; none where no cell is labelled by markers.

    Args:
        samples: that the report is about.
    """
    medium = marker_against_medium(app, run.study_id)
    if medium.empty:
        return {}
    against = marker_against_prediction(app, run)
    return {MEDIUM: medium, PREDICTION: against[against["sample"].isin(samples)].reset_index(drop=True)}


def markers_shown(tables: dict[str, pd.DataFrame]) -> dict[str, Any] | None:
    """The same for people: ``sentence`` and ``tables``; None where there are none."""
    if MEDIUM not in tables:
        return None
    medium, against = tables[MEDIUM], tables[PREDICTION]
    classes = [name.removeprefix("n_") for name in medium.columns if name.startswith("n_")]
    rows = [
        [row["medium"], f"{row['cells']:,}", *(f"{row[f'n_{name}']:,}" for name in classes), _share(row["agree"])]
        for row in medium.to_dict("records")
    ]
    heads = ["Medium", "Cells", *classes, "Agree, %"]
    caption = "Cells labelled by markers, by the true class or group of their sample"
    shown = [Table(heads, rows, range(1, len(heads)), caption)]
    if len(against):
        lines = [
            [
                row["sample"],
                row["class"],
                f"{row['cells']:,}",
                _share(row["marker"]),
                _share(row["predicted"]),
                f"{100 * row['difference']:+.1f}",
            ]
            for row in against.head(_MOST_LINES).to_dict("records")
        ]
        heads = ["Sample", "Class", "Cells", "By markers, %", "Predicted, %", "Points"]
        more = f"; the first {_MOST_LINES} of {len(against):,} lines" if len(against) > _MOST_LINES else ""
        about = f"Predicted ratios against those by markers, over the same cells{more}"
        shown.append(Table(heads, lines, range(2, 6), about))
    return {"sentence": agreement_sentence(medium), "tables": shown}


def _share(value: float) -> str:
    return "–" if pd.isna(value) else f"{100 * value:.1f}"
