"""Sound files of every kind, and what damages them at random: the ground of `test_fuzzed_files`."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image
from small_workbooks import XLS_ROWS, ods_bytes, xls_bytes

from nscweb.core.limits import Limits
from nscweb.core.samples import Sample
from nscweb.io.sheets.sheet_writing import write_sheet_csv, write_sheet_xlsx
from nscweb.simulation.small_tiff import tiff_bytes

LIMITS = Limits(
    max_member_bytes=4_000_000,
    max_image_side=2048,
    max_total_bytes=20_000_000,
    max_members=500,
    max_sheet_bytes=500_000,
    max_sheet_rows=200,
)
_RNG = np.random.default_rng(11)
_Y, _X = np.mgrid[:33, :40]
_CELL = 120 + 70 * np.exp(-((_Y - 16) ** 2 + (_X - 20) ** 2) / 60) + _RNG.normal(0, 3, (33, 40))
CELL8 = _CELL.clip(0, 255).astype(np.uint8)
CELL16 = (_CELL * 16).clip(0, 4095).astype(np.uint16)
_SPECIAL = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFE, 0xFF)
_SPECIAL32 = (0, 1, 0xFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE, 100_000)
_XML = (b"&", b"<", b"]]>", b"&#0;", b"&lol;", b"<!DOCTYPE x>", b"\xff\xfe", b'r="XFD9999"', b"\x00")


def tif(pixels: NDArray[Any], **options: Any) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, **{"photometric": "minisblack", **options})
    return out.getvalue()


def pillow(pixels: NDArray[Any], kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def packed(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def npz(**arrays: Any) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def whole_files() -> dict[str, list[tuple[str, bytes]]]:
    """kind -> (name, bytes) of files without damage."""
    rgb = np.repeat(CELL8[..., None], 3, axis=2)
    palette = np.repeat((np.arange(256) * 257).astype(np.uint16)[None], 3, axis=0)
    stack = np.stack([CELL16, CELL16[::-1]])
    samples = [Sample("RA_1d_r1", "RA+SHH", 24.0, "1", "m1"), Sample("NT3_3d_r2", "NT3", 72.0, "001", "NA")]
    cells = [(f"s{n % 2}/x_{n}_Ch{c}.tif", tiff_bytes(CELL16, f"Ch{c}")) for n in range(3) for c in (1, 9)]
    others = [("s/p_1_Ch1.png", pillow(CELL8, "PNG")), ("__MACOSX/._a", b"x"), ("s/notes.txt", b"hello")]
    table = np.stack([CELL8] * 4)
    return {
        "tiff": [
            ("c.ome.tif", tiff_bytes(CELL16, "Ch1")),
            ("c.tif", tif(CELL16, byteorder=">", rowsperstrip=9)),
            ("c.tif", tif(CELL16, bigtiff=True, compression="zlib", predictor=True)),
            ("c.tif", tif(CELL8, compression="lzw", rowsperstrip=8)),
            ("c.tif", tif(CELL8, compression="packbits")),
            ("c.tif", tif(CELL16, compression="zstd", tile=(16, 16))),
            ("c.tif", tif(CELL16, compression="lzma")),
            ("c.tif", tif(CELL8, photometric="palette", colormap=palette)),
            ("c.tif", tif(rgb, photometric="rgb", compression="jpeg")),
            ("c.tif", tif(CELL8, compression="jpeg2000")),
            ("c.tif", tif(CELL8, compression="lerc")),
            ("c.tif", tif(CELL16.astype(np.float32), compression="zlib", predictor=True)),
            ("c.tif", tif(CELL16, bitspersample=12)),
            ("c.ome.tif", tif(stack, ome=True, metadata={"axes": "CYX", "Channel": {"Name": ["BF", "G"]}})),
            ("c.tif", tif(stack, imagej=True)),
            ("c.tif", tif(np.stack([CELL8] * 3), photometric="rgb", planarconfig="separate")),
        ],
        "png": [
            ("c.png", pillow(CELL8, "PNG")),
            ("c.png", pillow(CELL16, "PNG")),
            ("c.png", pillow(rgb, "PNG")),
            ("c.png", imagecodecs.png_encode(np.repeat(CELL16[..., None], 4, axis=2))),
            ("c.png", _palette_image("PNG")),
        ],
        "bmp": [
            ("c.bmp", pillow(CELL8, "BMP")),
            ("c.bmp", pillow(rgb, "BMP")),
            ("c.bmp", _palette_image("BMP")),
            ("c.bmp", pillow(CELL8 > 128, "BMP")),
        ],
        "jpeg": [
            ("c.jpg", pillow(CELL8, "JPEG", quality=90)),
            ("c.jpg", pillow(rgb, "JPEG", quality=75)),
            ("c.jpg", pillow(CELL8, "JPEG", quality=90, progressive=True)),
            ("c.jpg", pillow(CELL8, "JPEG", restart_marker_blocks=3)),
        ],
        "zip": [("e.zip", packed([*cells, *others])), ("e.zip", packed([*cells, *others], zipfile.ZIP_STORED))],
        "npz": [
            ("t.npz", npz(x=table, y=np.array([0, 1, 1, 0]), classes=np.array(["a", "b"]))),
            ("t.npz", npz(images=np.stack([stack] * 3))),
        ],
        "csv": [
            ("s.csv", write_sheet_csv(samples)),
            ("s.csv", "sample;time (h);dose µM\nRA_1d_r1;24;0,5\nNT3_3d_r2;72;1,5\n".encode("utf-16")),
            ("s.csv", 'sample\ttime\tnote\nRA_1d_r1\t1 d\t"a\nb"\nNT3_3d_r2\t\t=1+1\n'.encode("cp1252")),
        ],
        "xlsx": [("s.xlsx", write_sheet_xlsx(samples))],
        "ods": [("s.ods", ods_bytes(XLS_ROWS))],
        "xls": [("s.xls", xls_bytes())],
    }


def _palette_image(kind: str) -> bytes:
    image = Image.frombytes("P", CELL8.shape[::-1], (CELL8 // 16).tobytes())
    image.putpalette([value for level in range(16) for value in (level * 16,) * 3])
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def damage(data: bytes, rng: np.random.Generator) -> bytes:
    """The bytes with one to six changes: flipped, set, cut out, put in, moved, cut off."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 7))):
        size = max(1, len(changed))
        # Half of the changes go into the first bytes, where headers are.
        at = int(rng.integers(0, size if rng.random() < 0.5 else min(size, 200)))
        length = int(rng.integers(1, 40))
        what = int(rng.integers(0, 10))
        if what <= 2:
            changed[at : at + 1] = bytes([changed[at] ^ (1 << int(rng.integers(0, 8)))]) if changed else b"x"
        elif what == 3:
            changed[at : at + 1] = bytes([int(rng.choice(_SPECIAL))])
        elif what in (4, 5):
            value = int(rng.choice(_SPECIAL32)) if rng.random() < 0.7 else int(rng.integers(0, 1 << 32))
            form = str(rng.choice(["<I", ">I", "<H", ">H"]))
            new = struct.pack(form, value & (0xFFFF if form[1] == "H" else 0xFFFFFFFF))
            changed[at : at + len(new)] = new
        elif what == 6:
            del changed[at : at + length]
        elif what == 7:
            changed[at:at] = rng.bytes(length)
        elif what == 8:
            changed[at : at + length] = bytes(length) if rng.random() < 0.5 else rng.bytes(length)
        elif rng.random() < 0.5:
            changed = changed[:at]
        else:
            other = int(rng.integers(0, size))
            changed[other:other] = changed[at : at + length]
    return bytes(changed)


def with_good_checksums(data: bytes) -> bytes:
    """A PNG whose chunks have the checksums of their damaged content, so that the damage gets further in."""
    out, position = bytearray(data[:8]), 8
    while position + 12 <= len(data):
        length = struct.unpack_from(">I", data, position)[0]
        chunk = data[position + 4 : position + 8 + length]
        out += struct.pack(">I", length) + chunk + struct.pack(">I", zlib.crc32(chunk))
        position += 12 + length
    return bytes(out)


def damage_inside(data: bytes, rng: np.random.Generator) -> bytes:
    """A sound archive around one damaged member (XLSX, NPZ, zip), sometimes with odd XML in it."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    victim = int(rng.integers(0, len(members)))
    name, content = members[victim]
    if name.endswith(".xml") and rng.random() < 0.6:
        at = int(rng.integers(0, len(content) + 1))
        content = content[:at] + _XML[int(rng.integers(0, len(_XML)))] + content[at:]
    else:
        content = damage(content, rng)
    members[victim] = (name, content)
    return packed(members)


WHOLE = whole_files()


def damaged_file(kind: str, seed: int) -> tuple[str, bytes]:
    """(name, bytes) of one damaged file."""
    rng = np.random.default_rng([seed, sum(kind.encode())])
    name, data = WHOLE[kind][int(rng.integers(0, len(WHOLE[kind])))]
    if kind in ("xlsx", "ods", "npz", "zip") and rng.random() < 0.6:
        return name, damage_inside(data, rng)
    changed = damage(data, rng)
    return name, with_good_checksums(changed) if kind == "png" and rng.random() < 0.6 else changed
