"""Labels of single cells, kept beside the cells of their study: every act of labelling, and nothing is overwritten.

An act is what one labeller said at one time of one or of many cells. A later act of the same labeller about a cell
stands before an earlier one; an act that was taken back stays, marked. One SQLite file per study: an act is there as a
whole or not at all, and several processes may write.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from nscweb.core.errors import StoreError

# A labeller with 200,000 cells from markers writes for about a second.
_BUSY_SECONDS = 30.0
_TABLES = """
CREATE TABLE IF NOT EXISTS acts (
    act INTEGER PRIMARY KEY AUTOINCREMENT,
    who TEXT NOT NULL, how TEXT NOT NULL, drawn TEXT NOT NULL, note TEXT NOT NULL,
    when_utc TEXT NOT NULL, undone_utc TEXT NOT NULL DEFAULT '', origin TEXT NOT NULL DEFAULT '',
    cells INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS labels (
    act INTEGER NOT NULL REFERENCES acts(act), sample_key TEXT NOT NULL, row INTEGER NOT NULL, class TEXT NOT NULL,
    PRIMARY KEY (act, sample_key, row)) WITHOUT ROWID;
"""
ACT_COLUMNS: tuple[str, ...] = ("act", "who", "how", "drawn", "note", "when_utc", "undone_utc", "cells")


@dataclass(frozen=True)
class LabelAct:
    """What stands over the labels of one act.

    Attributes:
        who: the labeller, a person or a source such as ``markers``.
        how: one of `services.labels.labels.HOWS`.
        drawn: why the cell was shown, "" where nobody asked for it; see `services.labels.labels.DRAWN`.
        note: further words, such as the thresholds that made the labels.
        when_utc: ISO 8601 with ``Z``.
    """

    who: str
    how: str
    drawn: str
    note: str
    when_utc: str


def add_act(path: Path, act: LabelAct, rows: Iterable[tuple[str, int, str]]) -> int:
    """Keep an act.

    Args:
        path: of the file of the study; made where it is missing.
        rows: (sample key, row, class) of each cell; the class "" takes the labeller's label of the cell away.

    Returns:
        The number of the act.
    """
    with _written(path) as base:
        number = _insert(base, act, "")
        _insert_labels(base, number, [(number, *row) for row in rows])
    return number


def undo_act(path: Path, who: str, when_utc: str) -> int | None:
    """Mark the last act of a labeller that stands as taken back; its number, or None where there is none."""
    if not path.exists():
        return None
    with _written(path) as base:
        found = base.execute("SELECT max(act) FROM acts WHERE who = ? AND undone_utc = ''", (who,)).fetchone()[0]
        if found is not None:
            base.execute("UPDATE acts SET undone_utc = ? WHERE act = ?", (when_utc, found))
    return None if found is None else int(found)


def acts_of(path: Path) -> pd.DataFrame:
    """Every act in order: the columns `ACT_COLUMNS`, ``cells`` labels in it; empty where there is no file."""
    if not path.exists():
        return pd.DataFrame({name: pd.Series(dtype=object) for name in ACT_COLUMNS})
    with _opened(path) as base:
        return pd.read_sql_query(f"SELECT {', '.join(ACT_COLUMNS)} FROM acts ORDER BY act", base)


def labels_in(path: Path, *, act: int = 0, fewer_than: int = 0) -> pd.DataFrame:
    """Labels as ``act``, ``sample_key``, ``row``, ``class``, in the order of the acts.

    Args:
        act: those of this act, which never change.
        fewer_than: those of all acts that have fewer labels than this, where no act is given.
    """
    which = "act = ?" if act else "act IN (SELECT act FROM acts WHERE cells < ?)"
    with _opened(path) as base:
        query = f"SELECT act, sample_key, row, class FROM labels WHERE {which} ORDER BY act"
        return pd.read_sql_query(query, base, params=(act or fewer_than,))


def labels_version(path: Path) -> str:
    """Changes with every act and with every one that is taken back; "" where there is no file."""
    if not path.exists():
        return ""
    with _opened(path) as base:
        acts, undone = base.execute("SELECT count(*), sum(undone_utc <> '') FROM acts").fetchone()
    return f"{acts}.{undone or 0}"


def take_over(path: Path, source: Path, keys: Mapping[str, str]) -> None:
    """Copy the acts of another study, for cells that were copied as well; asked twice, it copies once.

    Args:
        keys: sample key there -> sample key here.
    """
    if not source.exists():
        return
    mark = source.parent.name
    with _opened(source) as there, _written(path) as base:
        for act, who, how, drawn, note, when_utc, undone in there.execute(
            "SELECT act, who, how, drawn, note, when_utc, undone_utc FROM acts ORDER BY act"
        ).fetchall():
            origin = f"{mark}:{act}"
            if base.execute("SELECT 1 FROM acts WHERE origin = ?", (origin,)).fetchone():
                continue
            number = _insert(base, LabelAct(who, how, drawn, note, when_utc), origin)
            base.execute("UPDATE acts SET undone_utc = ? WHERE act = ?", (undone, number))
            found = there.execute("SELECT sample_key, row, class FROM labels WHERE act = ?", (act,))
            rows = [(number, keys[key], row, name) for key, row, name in found if key in keys]
            _insert_labels(base, number, rows)


def _insert_labels(base: sqlite3.Connection, number: int, rows: list[tuple[int, str, int, str]]) -> None:
    base.executemany("INSERT INTO labels VALUES (?, ?, ?, ?)", rows)
    base.execute("UPDATE acts SET cells = ? WHERE act = ?", (len(rows), number))


def _insert(base: sqlite3.Connection, act: LabelAct, origin: str) -> int:
    cursor = base.execute(
        "INSERT INTO acts (who, how, drawn, note, when_utc, origin) VALUES (?, ?, ?, ?, ?, ?)",
        (act.who, act.how, act.drawn, act.note, act.when_utc, origin),
    )
    return int(cursor.lastrowid or 0)


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)) as base:
            # Also for reading: a kill may have left the file without them.
            base.executescript(_TABLES)
            yield base
    except (sqlite3.Error, pd.errors.DatabaseError) as error:
        raise StoreError(
            f"The labels of the study ({path.name}) cannot be read or written: {error}.",
            "Try again; when it stays so, put the file back from a backup of the data folder.",
            "E-LABELS-STORE",
        ) from error


@contextmanager
def _written(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection in one transaction: an error takes all of it back."""
    with _opened(path) as base:
        base.execute("BEGIN IMMEDIATE")
        try:
            yield base
        except BaseException:
            base.execute("ROLLBACK")
            raise
        base.execute("COMMIT")
