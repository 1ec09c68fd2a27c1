"""Prediction tables: written part by part so that a killed run goes on, finished as one Parquet file."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from nscweb.core.errors import StoreError
from nscweb.store.files import atomic_write

_TEXT = ("cell_id", "sample_id", "group", "replicate", "predicted", "true_class", "source")
_NUMBERS = {"object_number": pa.int64(), "time_h": pa.float64(), "confidence": pa.float32(), "flags": pa.int64()}


def prediction_schema(columns: Sequence[str]) -> pa.Schema:
    """Arrow schema of a prediction table with these columns (see core.predictions)."""
    return pa.schema([(name, pa.string() if name in _TEXT else _NUMBERS.get(name, pa.float32())) for name in columns])


class PredictionWriter:
    """Parts of a run in a folder. Parts written before a kill are kept and found by their names.

    Args:
        folder: `DataFolder.partial_run_dir` of this run.
        columns: of the prediction table.
    """

    def __init__(self, folder: Path, columns: Sequence[str]) -> None:
        self._folder = folder
        self._schema = prediction_schema(columns)

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def has(self, part: str) -> bool:
        """True when the part was written completely, by this or an earlier process."""
        return self._path(part).exists()

    def write(self, part: str, rows: pd.DataFrame) -> None:
        """Write one part. Names sort in the order of the final table."""
        table = pa.Table.from_pandas(rows, schema=self._schema, preserve_index=False).replace_schema_metadata(None)
        with atomic_write(self._path(part)) as stream:
            pq.write_table(table, stream, compression="zstd")

    def rows(self) -> int:
        """Rows in all parts."""
        return sum(pq.read_metadata(path).num_rows for path in self._parts())

    def finish(self, out: Path) -> int:
        """Join all parts into `out` (atomically), remove them, and return the number of rows."""
        rows = 0
        with atomic_write(out) as stream, pq.ParquetWriter(stream, self._schema, compression="zstd") as table:
            for path in self._parts():
                part = pq.read_table(path)
                rows += part.num_rows
                table.write_table(part)
        shutil.rmtree(self._folder, ignore_errors=True)
        return rows

    def discard(self) -> None:
        """Throw all parts away."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, part: str) -> Path:
        return self._folder / f"part-{part}.parquet"

    def _parts(self) -> list[Path]:
        return sorted(self._folder.glob("part-*.parquet"))


def write_predictions(path: Path, rows: pd.DataFrame) -> None:
    """Write a whole prediction table at once; the file appears when it is complete."""
    schema = prediction_schema(rows.columns.tolist())
    table = pa.Table.from_pandas(rows, schema=schema, preserve_index=False).replace_schema_metadata(None)
    with atomic_write(path) as stream:
        pq.write_table(table, stream, compression="zstd")


def read_predictions(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The prediction table of a run.

    Raises:
        StoreError: the file is missing or damaged.
    """
    try:
        frame: pd.DataFrame = pq.read_table(path, columns=list(columns) if columns else None).to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise StoreError(
            f"The prediction table {path.parent.name} is missing or damaged.", "Predict the study again."
        ) from error
    return frame
