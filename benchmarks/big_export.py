"""A zipped export of any size, written fast: some hundred simulated cells again and again under new numbers.

    python benchmarks/big_export.py OUT.zip [--cells 200000] [--samples 12]

Every image is packed once and its bytes are written many times, so 800,000 files take seconds and not an hour.
Fill order is 1, because Pillow, which the naive way uses, refuses the 0 that IDEAS writes.
"""

from __future__ import annotations

import argparse
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path

from nscweb.simulation.writer import CHANNELS, write_study_zip

FILL_ORDER = [struct.pack("<HHLL", 266, 3, 1, value) for value in (0, 1)]
_LOCAL = struct.Struct("<4s5H3L2H")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_END = struct.Struct("<4s4H2LH")
_MAX32, _MAX16 = 0xFFFFFFFF, 0xFFFF


def drawn_images(cells: int = 400) -> dict[str, list[bytes]]:
    """Channel -> TIFF files of simulated cells of many sizes."""
    images: dict[str, list[bytes]] = {channel: [] for channel in CHANNELS}
    with tempfile.TemporaryDirectory() as folder:
        seed = Path(folder) / "seed.zip"
        write_study_zip(seed, cells=cells, seed=1, groups=["NT3"], replicates=1)
        with zipfile.ZipFile(seed) as archive:
            for name in archive.namelist():
                channel = name.rpartition("_")[2].split(".")[0]
                images[channel].append(archive.read(name).replace(*FILL_ORDER))
    return images


def write_big_zip(out: Path, cells: int, samples: int = 12) -> Path:
    """Write `cells` cells in four channels and `samples` folders; a cell's number is its place in the export."""
    packed = {channel: [_packed(data) for data in images] for channel, images in drawn_images().items()}
    entries: list[bytes] = []
    position = 0
    with out.open("wb", buffering=1 << 22) as stream:
        for number in range(cells):
            sample = number * samples // cells
            folder = f"NT3_{sample // 3 + 1}d_rep{sample % 3 + 1}"
            for channel, images in packed.items():
                name = f"{folder}/x_{number}_{channel}.ome.tif".encode("ascii")
                data, size, crc = images[number % len(images)]
                same = (20, 0, 8, 0, 33, crc, len(data), size, len(name))
                stream.write(_LOCAL.pack(b"PK\x03\x04", *same, 0) + name + data)
                offset = min(position, _MAX32)
                extra = struct.pack("<2HQ", 1, 8, position) if offset == _MAX32 else b""
                entries.append(_ENTRY.pack(b"PK\x01\x02", 20, *same, len(extra), 0, 0, 0, 0, offset) + name + extra)
                position += _LOCAL.size + len(name) + len(data)
        directory = b"".join(entries)
        stream.write(directory)
        end = position + len(directory)
        count = len(entries)
        stream.write(_END64.pack(b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(directory), position))
        stream.write(_LOCATOR64.pack(b"PK\x06\x07", 0, end, 1))
        few, start = min(count, _MAX16), min(position, _MAX32)
        stream.write(_END.pack(b"PK\x05\x06", 0, 0, few, few, len(directory), start, 0))
    return out


def _packed(data: bytes) -> tuple[bytes, int, int]:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush(), len(data), zlib.crc32(data)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("out", type=Path)
    options.add_argument("--cells", type=int, default=200_000)
    options.add_argument("--samples", type=int, default=12)
    given = options.parse_args()
    path = write_big_zip(given.out, given.cells, given.samples)
    print(f"{path}: {given.cells:,} cells, {path.stat().st_size / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()
