"""One cell file out of the parts that were written by several processes, without a pixel in Python's memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from nscweb.store.cell_files import BATCH
from nscweb.store.files import atomic_write, named, sync_folder

_NUMBER = "object_number"


def join_cell_files(path: Path, parts: Sequence[Path], *, renumber: bool = False) -> None:
    """Write the cells of the parts, in order, as one cell file under `path`.

    The parts are memory-mapped one after the other, and their rows are cut anew into batches of the length that
    a cell file has, so the result does not depend on how the cells were divided. A single part is moved.

    Args:
        renumber: object numbers are counted anew from 1, as they are in a single part.

    Raises:
        DiskFull: no space is left; nothing stays under `path`.
    """
    if len(parts) == 1:
        _move(parts[0], path)
        return
    with pa.memory_map(str(parts[0])) as first:
        schema = pa.ipc.open_file(first).schema
    with atomic_write(path) as stream, pa.ipc.new_file(stream, schema) as writer:
        first_number = 1
        for batch in _batches(parts, schema):
            if renumber:
                numbers = pa.array(range(first_number, first_number + len(batch)), pa.int64())
                batch = batch.set_column(schema.get_field_index(_NUMBER), _NUMBER, numbers)
                first_number += len(batch)
            writer.write_batch(batch)


def _batches(parts: Sequence[Path], schema: Any) -> Iterator[Any]:
    left = schema.empty_table()
    for part in parts:
        with pa.memory_map(str(part)) as mapped:
            table = pa.concat_tables([left, pa.ipc.open_file(mapped).read_all()])
            whole = len(table) // BATCH * BATCH
            for at in range(0, whole, BATCH):
                yield _one(table.slice(at, BATCH))
            # Copied, because the map of this part is closed before the next one opens: memory stays flat.
            left = table.take(pa.array(range(whole, len(table)), pa.int64()))
            del table
    if len(left):
        yield _one(left)


def _one(rows: Any) -> Any:
    (batch,) = rows.combine_chunks().to_batches()
    return batch


def _move(part: Path, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("rb+") as stream:
            os.fsync(stream.fileno())
        part.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise named(error, path) from error
