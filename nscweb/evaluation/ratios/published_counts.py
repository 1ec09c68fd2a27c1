"""Published ratios that a dashboard can lay over its own: immunofluorescence counts of Zhu et al. 2021.

Per cent of cells positive for the marker of a fate, and per cent of that fate predicted from day-1 cells, as
printed with Figs 2 to 4 of Zhu et al. 2021 (deep learning on brightfield imaging flow cytometry of neural
stem cells). The predicted ones are what the network says on day 1 about the fate in the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd

SOURCE = "Zhu et al. 2021, immunofluorescence"
IMMUNOFLUORESCENCE = "immunofluorescence"
PREDICTED = "predicted from day-1 cells"

# group: (fate, marker, {hours: per cent marker-positive}, (hours of the predicted cells, per cent predicted))
_TABLE: dict[str, tuple[str, str, dict[float, float], tuple[float, float]]] = {
    "RA+SHH": ("neuron", "NeuN", {24: 55.827, 72: 67.427, 120: 82.073}, (24, 82.72892)),
    "NT3": ("neuron", "NeuN", {24: 20.997, 72: 55.293, 120: 75.407}, (24, 73.67773)),
    "LDH-NT3": ("neuron", "NeuN", {24: 48.73, 72: 60.06, 120: 68.823}, (24, 71.89459)),
    "NT4": ("neuron", "NeuN", {24: 10.4333, 72: 29.2333, 120: 71.3333}, (24, 74.197)),
    "NGF": ("neuron", "NeuN", {24: 33.0333, 72: 33.4667, 120: 82.6333}, (24, 81.09294)),
    "MT": ("neuron", "NeuN", {24: 35.6333, 72: 55.7667, 120: 79.2667}, (24, 76.79027)),
    "CNTF": ("neuron", "NeuN", {24: 25.3667, 72: 34.23, 120: 78.3333}, (24, 76.92308)),
    "astrocyte medium": ("astrocyte", "GFAP", {12: 83.357, 24: 83.813, 48: 88.78}, (24, 95.86375)),
    "oligodendrocyte medium": ("oligodendrocyte", "Olig2", {24: 52.968, 48: 55.472, 72: 63.622}, (24, 80.59837)),
}
# Other spellings people use, after `_plain`.
_ALIASES = {
    "ra": "RA+SHH",
    "rashh": "RA+SHH",
    "shhra": "RA+SHH",
    "ldhnt3": "LDH-NT3",
    "ln": "LDH-NT3",
    "ntf3": "NT3",
    "ntf4": "NT4",
    "melatonin": "MT",
    "astro": "astrocyte medium",
    "astrocyte": "astrocyte medium",
    "astrocytes": "astrocyte medium",
    "oligo": "oligodendrocyte medium",
    "oligodendrocyte": "oligodendrocyte medium",
    "oligodendrocytes": "oligodendrocyte medium",
}


def published_reference() -> pd.DataFrame:
    """The whole table: columns group, fate, marker, time_h (hours), percent (0..100), kind."""
    rows = []
    for group, (fate, marker, counted, (hours, predicted)) in _TABLE.items():
        rows += [(group, fate, marker, float(h), value, IMMUNOFLUORESCENCE) for h, value in counted.items()]
        rows.append((group, fate, marker, float(hours), predicted, PREDICTED))
    return pd.DataFrame(rows, columns=["group", "fate", "marker", "time_h", "percent", "kind"])


def published_group(name: str) -> str | None:
    """The published inducer group that a user's name means, or None: "ra/shh" and "RA" mean "RA+SHH"."""
    plain = _plain(name)
    for group in _TABLE:
        if plain in (_plain(group), _plain(group.removesuffix(" medium") + " differentiation medium")):
            return group
    return _ALIASES.get(plain)


def reference_for(groups: Iterable[str], kind: str = IMMUNOFLUORESCENCE) -> pd.DataFrame:
    """Published values of one kind for the user's groups; ``group`` holds the user's own names.

    Groups that the paper does not have are left out.
    """
    table = published_reference()
    table = table[table["kind"] == kind]
    parts = [
        table[table["group"] == found].assign(group=name)
        for name in dict.fromkeys(groups)
        if (found := published_group(name)) is not None
    ]
    return pd.concat(parts, ignore_index=True) if parts else table.iloc[:0].reset_index(drop=True)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
