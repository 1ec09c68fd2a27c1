"""How fast `.cif` files open and decode, against the definition of their compression followed nibble by nibble.

    python benchmarks/cif.py [--quick]

Channel images per second of processor time, masks included: a file that is made up here and, where it lies beside the
project, a real one. Opening is measured by itself on a long file, in objects per second.
"""

from __future__ import annotations

import argparse
import json
import struct
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "tests" / "unit" / "io"))

from cif_encoder import Object, make_objects, write_cif  # noqa: E402

from nscweb.core.cells import CellImage  # noqa: E402
from nscweb.core.findings import FindingLog  # noqa: E402
from nscweb.core.limits import Limits  # noqa: E402
from nscweb.io.formats.cif import CifCells  # noqa: E402

REAL = PROJECT.parent / "shared" / "data" / "cif" / "example.cif"
BAR = 5_000  # channel images per second


def naive_grey(data: bytes, height: int, width: int) -> np.ndarray:
    """One nibble and one pixel after another."""
    values: list[int] = []
    value = shift = 0
    for byte in data:
        for nibble in (byte & 15, byte >> 4):
            value |= (nibble & 7) << shift
            shift += 3
            if nibble < 8:
                values.append(value - (1 << shift) if nibble & 4 else value)
                value = shift = 0
    rows: list[list[int]] = []
    above = [0] * width
    for row in range(height):
        line, left, upper_left = [], 0, 0
        for column in range(width):
            left = values[row * width + column] + above[column] + left - upper_left
            upper_left = above[column]
            line.append(left)
        rows.append(line)
        above = line
    return np.array(rows, np.uint16)


def naive_mask(data: bytes, height: int, width: int) -> np.ndarray:
    flat: list[bool] = []
    for place in range(0, len(data), 2):
        flat += [data[place] > 0] * (data[place + 1] + 1)
    return np.array(flat).reshape(height, width)


def naive_read(path: Path, most: int) -> tuple[int, float, list[tuple[np.ndarray, np.ndarray | None]]]:
    """(objects, seconds, pixels and mask of each) by walking the chain in plain Python."""
    began, found, pixels = time.process_time(), [], None
    with path.open("rb") as stream:
        data = stream.read()
        at = struct.unpack_from("<I", data, 4)[0]
        while at and len(found) < most:
            count = struct.unpack_from("<H", data, at)[0]
            rows = [struct.unpack_from("<HHII", data, at + 2 + 12 * row) for row in range(count)]
            tags = {row[0]: (row[3] & 0xFFFF if row[1] == 3 else row[3]) for row in rows}
            block = data[tags.get(273, 0) : tags.get(273, 0) + tags.get(279, 0)]
            if tags[33002] == 2:
                pixels = naive_grey(block, tags[257], tags[256])
            elif tags[33002] == 3 and pixels is not None:
                found.append((pixels, naive_mask(block, tags[257], tags[256])))
            at = struct.unpack_from("<I", data, at + 2 + 12 * count)[0]
    return len(found), time.process_time() - began, found


def our_read(path: Path, channels: int | None = None) -> tuple[int, float, list[CellImage]]:
    """(objects, seconds, cells): opening, decoding, splitting and checking."""
    began = time.process_time()
    with CifCells(path, Limits()) as table:
        names = table.channels if channels is None else table.channels[:channels]
        cells = [
            cell
            for _, cell in table.read(range(table.cells), names, Limits(), FindingLog())
            if isinstance(cell, CellImage)
        ]
    return len(cells), time.process_time() - began, cells


def compare(path: Path, channels: int, subset: int) -> dict[str, Any]:
    """Both ways on one file; the pixels must be the same."""
    objects, seconds, plain = naive_read(path, subset)
    naive = objects * channels / seconds
    best = 0.0
    for _ in range(3):
        count, seconds, cells = our_read(path)
        best = max(best, count * channels / seconds)
    for (pixels, mask), cell in zip(plain, cells, strict=False):
        assert np.array_equal(np.hstack(list(cell.pixels)), pixels)
        assert cell.masks is not None and np.array_equal(np.hstack(list(cell.masks)), mask)
    return {
        "objects": count,
        "channels": channels,
        "naive_channel_images_per_s": round(naive),
        "channel_images_per_s": round(best),
        "ratio": round(best / naive, 1),
        "bar": BAR,
    }


def opening(path: Path) -> dict[str, Any]:
    """Objects per second while a file is opened and its index is read."""
    best = 0.0
    for _ in range(3):
        began = time.process_time()
        with CifCells(path, Limits()) as table:
            best = max(best, table.cells / (time.process_time() - began))
    return {"objects": table.cells, "objects_per_s": round(best)}


def measure(quick: bool = False) -> dict[str, Any]:
    """All figures; `quick` on small files."""
    objects, subset, long = (200, 20, 5_000) if quick else (2_000, 60, 200_000)
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.cif"
        base = make_objects(50, 6, side=40)
        made = [Object(i, base[i % 50].pixels, base[i % 50].masks) for i in range(objects)]
        with path.open("wb") as stream:
            write_cif(stream, made, in_use=range(1, 7))
        result["made"] = compare(path, 6, subset)
        small = make_objects(1, 1, side=9)[0]
        with path.open("wb") as stream:
            write_cif(stream, [Object(i, small.pixels, small.masks) for i in range(long)], in_use=(1,))
        result["opening"] = opening(path)
    if REAL.exists():
        result["real"] = compare(REAL, 6, 20 if quick else 60)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small files")
    print(json.dumps(measure(parser.parse_args().quick), indent=2))


if __name__ == "__main__":
    main()
