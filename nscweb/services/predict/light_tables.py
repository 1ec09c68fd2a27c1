"""The judgements of a run as tables: what pages draw and files hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from nscweb.core.run_record import Run
from nscweb.services.predict.light_changes import CHANGE_START
from nscweb.services.predict.light_words import TITLES, UNITS
from nscweb.services.predict.lights import LIGHTS, judged

TABLE_COLUMNS = (
    "sample_id",
    "light",
    "number",
    "title",
    "unit",
    "value",
    "typical",
    "lowest_known",
    "highest_known",
    "deviations",
    "effect",
    "p",
    "known_samples",
)
_PATTERN = {"embedding_pattern": "network: pattern", "input_pattern": "images: pattern"}
_AMOUNT = "1 = as much as in the card"
_FARTHEST = 99.0


def lights_table(run: Run, names: Sequence[str] | None = None) -> pd.DataFrame:
    """One row per sample, worst first: sample_id, light, cells, far_network, far_images, reasons, notes, advice.

    Args:
        names: samples to take; None takes all.
    """
    items = [item for item in judged(run) if names is None or item["sample_id"] in set(names)]
    rows = [
        {
            "sample_id": item["sample_id"],
            "light": item["light"],
            "cells": item["cells"],
            "far_network": item["shares"].get("embedding", np.nan),
            "far_images": item["shares"].get("input", np.nan),
            "reasons": list(item["reasons"]),
            "notes": list(item["notes"]),
            "advice": list(item["advice"]),
        }
        for item in sorted(items, key=lambda item: -LIGHTS.index(item["light"]))
    ]
    columns = ["sample_id", "light", "cells", "far_network", "far_images", "reasons", "notes", "advice"]
    return pd.DataFrame(rows, columns=columns)


def fitness_table(run: Run, names: Sequence[str] | None = None) -> pd.DataFrame:
    """One row per sample and number, columns `TABLE_COLUMNS`.

    ``deviations`` says how far the sample lies from known ones, in standard deviations of samples; for patterns of
    many numbers, which have no direction, the deviation of one number that is as rare.
    """
    from scipy.stats import norm

    rows = []
    for item in judged(run):
        if names is not None and item["sample_id"] not in set(names):
            continue
        for number, figure in item["figures"].items():
            deviations = figure.get("t")
            if deviations is None:
                deviations = min(_FARTHEST, float(norm.isf(max(figure["p"], 1e-300) / 2)))
            rows.append(
                (
                    item["sample_id"],
                    item["light"],
                    number,
                    _title(number),
                    _AMOUNT if number.startswith(CHANGE_START) else UNITS.get(number, ""),
                    figure.get("value", np.nan),
                    figure.get("typical", np.nan),
                    figure.get("low", np.nan),
                    figure.get("high", np.nan),
                    deviations,
                    figure.get("effect", np.nan),
                    figure["p"],
                    figure.get("samples", np.nan),
                )
            )
    return pd.DataFrame(rows, columns=list(TABLE_COLUMNS))


def _title(number: str) -> str:
    return number if number.startswith(CHANGE_START) else _PATTERN.get(number) or TITLES[number]
