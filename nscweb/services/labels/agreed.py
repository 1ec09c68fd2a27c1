"""One label per cell out of those of several labellers: where they say different things, the cell is left out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from nscweb.services.labels.labels import HOW_WORDS, labels_of
from nscweb.words.numbers import count, listed

if TYPE_CHECKING:
    from nscweb.services.context import App


@dataclass(frozen=True)
class AgreedLabels:
    """The cells of a study about which everybody who labelled them says the same.

    Attributes:
        table: ``cell_id``, ``sample``, ``object_number``, ``class``, ``judges`` and ``labellers`` (how many).
            ``judges`` is True where one of the labels may judge a model.
        disputed: the cells that are left out: ``cell_id``, ``sample``, ``object_number`` and ``said``, who says what.
        sentence: both counted, in words.
    """

    table: pd.DataFrame
    disputed: pd.DataFrame
    sentence: str

    @property
    def classes(self) -> dict[str, int]:
        """Class -> cells, by name."""
        counts = self.table["class"].value_counts()
        return {str(name): int(counts[name]) for name in sorted(counts.index)}


def agreed_labels(app: App, study: str, *, hows: Collection[str] = (), who: Collection[str] = ()) -> AgreedLabels:
    """One label per cell: the class that all its labels name; a cell with two different ones is left out.

    Args:
        hows: only labels that were given in these ways; () takes all.
        who: only labels of these labellers; () takes all.

    Raises:
        StudyNotFound: no such study.
    """
    rows = labels_of(app, study)
    if hows:
        rows = rows[rows["how"].isin(list(hows))]
    if who:
        rows = rows[rows["who"].isin(list(who))]
    cells = rows.groupby("cell_id", sort=False)
    first = rows.drop_duplicates("cell_id").set_index("cell_id")
    made = first[["sample", "object_number", "class"]].assign(
        judges=cells["judges"].any(), labellers=cells["who"].nunique()
    )
    one = cells["class"].nunique().reindex(made.index) == 1
    table = made[one].reset_index()
    left = rows[rows["cell_id"].isin(made.index[~one])]
    words = left["class"].astype(str) + " (" + left["who"].astype(str) + ", " + left["how"].map(HOW_WORDS) + ")"
    said = words.groupby(left["cell_id"], sort=False).agg(", ".join)
    disputed = made.loc[said.index, ["sample", "object_number"]].assign(said=said).reset_index()
    return AgreedLabels(table, disputed, _sentence(table, disputed))


def _sentence(table: pd.DataFrame, disputed: pd.DataFrame) -> str:
    if not len(table) and not len(disputed):
        return "No cell is labelled."
    counts = table["class"].value_counts()
    given = [f"{counts[name]:,} {name}" for name in sorted(counts.index)]
    said = f"{count(len(table), 'cell')} labelled: {listed(given, 9)}." if given else "No cell has one label."
    if len(disputed):
        one = len(disputed) == 1
        which = [f"{row.sample} {row.object_number}" for row in disputed.head(4).itertuples()]
        more = f" and {len(disputed) - 4:,} more" if len(disputed) > 4 else ""
        said += (
            f" {count(len(disputed), 'cell')} {'is' if one else 'are'} left out, because the labels disagree: "
            f"{', '.join(which)}{more}."
        )
    return said
