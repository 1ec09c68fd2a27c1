"""Counts by immunofluorescence (or another method) entered by hand, and predicted ratios tested against them.

Zhu et al. 2021 (Fig 4c) compare the predicted ratio with the counted one by a two-sided one-sample t test. That test
takes the count as exact; where it is known how many were counted, the count's own interval stands beside it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nscweb.core.errors import StoreError, WrongUse
from nscweb.core.plain import REFUSE_UNKNOWN, from_plain, to_plain
from nscweb.core.rules import DEFAULT_ADJUST, spelled
from nscweb.evaluation.groups.group_errors import ALONE, GroupErrors
from nscweb.services.file_lock import file_lock
from nscweb.store.files import atomic_write

if TYPE_CHECKING:
    from nscweb.services.context import App

UNITS: tuple[str, ...] = ("cells", "fields", "cultures", "not known")
_FILE = "counts.json"
CIRCULAR = (
    "The simulator was planned from the counts of Zhu et al. 2021, so simulated cells agree with them by design: that "
    "shows nothing about the model or about real cells."
)
_LONGEST = 200
_MOST = 2000

COMPARED_COLUMNS: tuple[str, ...] = (
    "group",
    "time_h",
    "class",
    "marker",
    "predicted",
    "low",
    "high",
    "n",
    "counted",
    "counted_low",
    "counted_high",
    "counted_n",
    "unit",
    "difference",
    "p",
    "p_adjusted",
    "comparisons",
    "source",
    "note",
)


@dataclass(frozen=True)
class Count:
    """One counted share of marker-positive cells.

    Attributes:
        group: inducer group, as in the sample sheet.
        time_h: hours since induction.
        fate: class of the model that the marker stands for.
        marker: such as ``NeuN``; "" when not said.
        percent: 0..100.
        n: how many were counted; None when not known.
        unit: what `n` counts, one of `UNITS`.
        source: where the number is from, e.g. "Zhu et al. 2021, Fig 3b".
    """

    __pydantic_config__ = REFUSE_UNKNOWN
    group: str
    time_h: float
    fate: str
    marker: str = ""
    percent: float = 0.0
    n: int | None = None
    unit: str = "not known"
    source: str = ""


def counts_of(app: App, study: str) -> tuple[Count, ...]:
    """Counts kept with a study (name or id); empty when nobody entered any.

    Raises:
        StudyNotFound: no such study.
        StoreError: the file is damaged.
    """
    path = app.folder.study_dir(app.catalogue.study(study).study_id) / _FILE
    if not path.exists():
        return ()
    try:
        kept = json.loads(path.read_text("utf-8"))
        return tuple(map(_checked, from_plain(tuple[Count, ...], kept["counts"], _FILE)))
    except (OSError, ValueError, TypeError, KeyError, WrongUse) as error:
        raise StoreError(
            f"The counts of the study {study} cannot be read.", f"Enter them again; the file is {_FILE}."
        ) from error


def set_counts(app: App, study: str, counts: Iterable[Count]) -> tuple[Count, ...]:
    """Keep these counts with a study, in place of all that were there; written in one piece or not at all.

    Raises:
        StudyNotFound: no such study.
        WrongUse: a count that makes no sense; nothing is changed then.
    """
    chosen = tuple(_checked(item) for item in counts)
    if len(chosen) > _MOST:
        raise WrongUse(f"{len(chosen):,} counts are more than the {_MOST:,} that a study keeps.")
    seen: set[tuple[str, float, str, str]] = set()
    for item in chosen:
        key = (item.group, item.time_h, item.fate, item.source)
        if key in seen:
            raise WrongUse(
                f"{item.group}, {item.fate} at {item.time_h:g} h is there twice.",
                "Give each count of a source once; join repeats to one number.",
            )
        seen.add(key)
    folder = app.folder.study_dir(app.catalogue.study(study).study_id)
    with file_lock(folder / "counts.lock", while_waiting=lambda: None), atomic_write(folder / _FILE) as stream:
        text = json.dumps({"version": 1, "counts": to_plain(chosen)}, ensure_ascii=False)
        stream.write(text.encode("utf-8"))
    return chosen


def published_counts(groups: Sequence[str], classes: Sequence[str]) -> tuple[Count, ...]:
    """The counts printed by Zhu et al. 2021 for those of `groups` that the paper has, as a start.

    Fates are matched with `classes` without regard to case; those that the model does not know are left out.
    The paper gives three imaging fields for a count (Fig 3), not three cultures.
    """
    from nscweb.evaluation.ratios.published_counts import SOURCE, reference_for

    known = {name.casefold().rstrip("s"): name for name in classes}
    table = reference_for(groups)
    lines = zip(*(table[name] for name in ("group", "time_h", "fate", "marker", "percent")), strict=True)
    return tuple(
        Count(str(group), float(hours), known[str(fate)], str(marker), float(percent), 3, "fields", SOURCE)
        for group, hours, fate, marker, percent in lines
        if str(fate) in known
    )


def counts_table(counts: Iterable[Count]) -> pd.DataFrame:
    """One row per count, for people and for CSV: columns as the fields of `Count`."""
    names = list(Count.__dataclass_fields__)
    return pd.DataFrame([asdict(item) for item in counts], columns=names)


def counts_from_table(table: pd.DataFrame) -> tuple[Count, ...]:
    """Counts from an edited table; rows without group, fate and per cent are left out.

    Raises:
        WrongUse: a row that is half filled or makes no sense.
    """
    found = []
    for number, row in enumerate(table.to_dict("records"), start=1):
        item: dict[str, Any] = {str(key): None if _blank(value) else value for key, value in row.items()}
        if item.get("group") is None and item.get("fate") is None and item.get("percent") is None:
            continue
        for name, word in (("group", "group"), ("time_h", "time"), ("fate", "fate"), ("percent", "per cent")):
            if item.get(name) is None:
                raise WrongUse(f"Row {number} of the counts has no {word}.", "Fill it in or delete the row.")
        found.append(
            Count(
                str(item["group"]).strip(),
                float(item["time_h"]),
                str(item["fate"]).strip(),
                str(item.get("marker") or "").strip(),
                float(item["percent"]),
                None if item.get("n") is None else int(item["n"]),
                str(item.get("unit") or "not known"),
                str(item.get("source") or "").strip(),
            )
        )
    return tuple(_checked(item) for item in found)


def compare_with_counts(
    rows: pd.DataFrame,
    counts: Sequence[Count],
    adjust: str = DEFAULT_ADJUST,
    errors: GroupErrors = ALONE,
    *,
    simulated: bool = False,
) -> pd.DataFrame:
    """Predicted ratios of the replicates against each count: two-sided one-sample t test.

    Args:
        rows: replicate rows: group, time_h, replicate, class, ratio, cells.
        counts: those of groups, times and classes that `rows` does not have stay, with a note.
        adjust: ``holm`` or ``fdr_bh``, over all counts compared.
        errors: what is known of the error of group means (`Comparison.errors`).
        simulated: the cells are simulated; published counts then get no p value, see `CIRCULAR`.

    Returns:
        Columns `COMPARED_COLUMNS`; shares 0..1. ``low`` to ``high`` is the 95 % t interval of the predicted mean,
        cut at 0 and 1, ``counted_low`` to ``counted_high`` Wilson's interval of the count, only where cells were
        counted: fields and cultures tell how many, not how they differed.
    """
    from nscweb.evaluation.groups.means import mean_interval
    from nscweb.evaluation.groups.replicate_rows import checked_rows, same_words, values_of
    from nscweb.evaluation.groups.shared_error import tail
    from nscweb.evaluation.groups.spread import adjusted
    from nscweb.evaluation.ratios.published_counts import SOURCE
    from nscweb.evaluation.scores.intervals import wilson

    table = checked_rows(rows)
    hours, groups, classes = (table[name].to_numpy() for name in ("time_h", "group", "class"))
    lines = []
    for item in counts:
        here = np.isclose(hours, item.time_h) & (groups == item.group) & (classes == item.fate)
        values = values_of(table[here])
        n, share, p = len(values), item.percent / 100, float("nan")
        common = errors.of_mean(item.time_h, item.fate, item.group)
        variance, free = errors.spread(item.time_h, item.fate, item.group, values)
        mean, _, _, low, high = mean_interval(values[:, None], common, spread=np.array([[variance, free]]))[0].tolist()
        note = ""
        if n == 0:
            note = "Nothing was predicted for this group, time and fate."
        elif n < errors.fewest:
            note = f"No p value: it needs {spelled(errors.fewest)} replicates, there {'is' if n == 1 else 'are'} {n}."
        elif not variance > 0:
            note = f"No p value. {same_words('this group', values)}"
        else:
            p = max(2 * float(tail(abs(mean - share), variance / n, free, common)), 1e-300)
            if simulated and item.source == SOURCE:
                p, note = float("nan"), f"No p value. {CIRCULAR}"
        counted_low = counted_high = float("nan")
        if item.n and item.unit == "cells":
            counted_low, counted_high = wilson(share * item.n, float(item.n))
        lines.append(
            (
                item.group,
                item.time_h,
                item.fate,
                item.marker,
                mean,
                low,
                high,
                n,
                share,
                counted_low,
                counted_high,
                item.n,
                item.unit,
                mean - share,
                p,
                np.nan,
                0,
                item.source,
                note,
            )
        )
    result = pd.DataFrame(lines, columns=list(COMPARED_COLUMNS))
    result["counted_n"] = pd.array(result["counted_n"].tolist(), dtype="Int64")
    result["p_adjusted"], result["comparisons"] = adjusted(result["p"].to_numpy(np.float64), adjust)
    return result


def _blank(value: object) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)) or value == ""


def _checked(item: Count) -> Count:
    for text in (item.group, item.fate, item.marker, item.source):
        if not isinstance(text, str) or len(text) > _LONGEST or not text.isprintable():
            raise WrongUse(f"{str(text)[:40]!r} is not a name for a count.")
    if not item.fate:
        raise WrongUse("A count needs the fate that its marker stands for.")
    if not 0 <= item.percent <= 100:
        raise WrongUse(f"{item.percent:g} is not a per cent from 0 to 100 ({item.group}, {item.fate}).")
    if not 0 <= item.time_h < 24 * 3650:
        raise WrongUse(f"{item.time_h:g} is not a time in hours ({item.group}, {item.fate}).")
    if item.n is not None and not 0 < item.n < 10**9:
        raise WrongUse(f"{item.n} is not a number of counted {item.unit} ({item.group}, {item.fate}).")
    if item.unit not in UNITS:
        raise WrongUse(f"{item.unit!r} is not what is counted.", f"There are: {', '.join(UNITS)}.")
    return item
