"""Tables on pages: the columns of `core.columns` with their labels, meanings and digits; text of users stays text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from nscweb.core.columns import column
from nscweb.core.timepoint import TimePoint
from nscweb.files.outgoing import outgoing
from nscweb.ui.text import plain

NO_GROUP = "(no group given)"
_LONGEST = 600
# Columns that many tables need in no line.
_ONLY_WHEN_GIVEN = ("note", "p_games_howell")
_GROUPS = ("group", "compared_with")


def show_frame(frame: pd.DataFrame, table: str = "", columns: Sequence[str] = (), **options: Any) -> pd.DataFrame:
    """Draw a table as `outgoing` makes it; returns what is shown.

    Args:
        frame: as the program computes with it.
        table: see `outgoing`.
        columns: names outside, in order; those that are not there are passed over, and notes that no line has.
            ``time`` is made from ``time_h`` where it is not there. () shows every column.
        options: of `st.dataframe`.
    """
    shown = chosen(frame, table, columns)
    settings = {str(name): setting(str(name)) for name in shown.columns}
    st.dataframe(shown, hide_index=True, column_config={**settings, **options.pop("column_config", {})}, **options)
    return shown


def chosen(frame: pd.DataFrame, table: str = "", columns: Sequence[str] = ()) -> pd.DataFrame:
    """The table that `show_frame` draws."""
    out = outgoing(frame, table)
    if "time_h" in out and "time" not in out:
        out["time"] = ["" if pd.isna(value) else TimePoint(float(value)).label() for value in out["time_h"]]
    wanted = [name for name in columns if name in out and not (name in _ONLY_WHEN_GIVEN and _is_empty(out[name]))]
    out = out[wanted] if columns else out
    texts = [name for name in out.columns if out[name].dtype.kind == "O" or isinstance(out[name].dtype, pd.StringDtype)]
    return out.assign(
        **{name: pd.Series([_text(name, value) for value in out[name]], out.index, object) for name in texts}
    )


def setting(name: str, **options: Any) -> Any:
    """How Streamlit shows a column: label with unit, meaning as help, digits.

    Args:
        options: of `st.column_config.Column`, such as width.
    """
    row = column(name)
    if row is None:
        return st.column_config.Column(plain(name), **options)
    if not row.form:
        return st.column_config.Column(row.heading, help=help_of(name), **options)
    return st.column_config.NumberColumn(row.heading, help=help_of(name), format=row.form, **options)


def help_of(name: str) -> str:
    """The meaning of a column as a sentence; "" for one that is not known."""
    row = column(name)
    return f"{row.meaning[:1].upper()}{row.meaning[1:]}." if row else ""


def _is_empty(values: pd.Series) -> bool:
    return not (values.notna() & (values.astype(str) != "")).any()


def _text(name: str, value: object) -> object:
    if value is None or value is pd.NA or (isinstance(value, float) and pd.isna(value)):
        return None
    if not isinstance(value, str):
        return value
    return plain(value, _LONGEST) or (NO_GROUP if name in _GROUPS else "")
