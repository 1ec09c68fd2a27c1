"""What was written is read back the same, whatever the names, pixels and values are."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nscweb.core.errors import NscwebError
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.core.look_alikes import look, plain_text
from nscweb.core.samples import Sample
from nscweb.io.archives.archive import Archive
from nscweb.io.decode.image import decode
from nscweb.io.formats.tiff import read_simple
from nscweb.io.names.file_names import parse_name
from nscweb.io.sheets.sample_sheets import apply_sheet, read_sheet
from nscweb.io.sheets.sheet_cells import from_cell, to_cell
from nscweb.io.sheets.sheet_writing import write_sheet_csv, write_sheet_xlsx
from nscweb.io.survey.survey import survey
from nscweb.simulation.small_tiff import tiff_bytes

sides = st.integers(8, 70)
images = st.tuples(sides, sides, st.sampled_from([np.uint8, np.uint16])).flatmap(
    lambda spec: hnp.arrays(spec[2], spec[:2])
)
# Text as people write it in tables: no control characters, no space at the ends.
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=20).map(str.strip)
# Values are kept as they are seen, but for what spreadsheets show instead of one (#NAME?, Err:508).
values = words.map(plain_text).filter(lambda text: not text.startswith(("#", "Err:")))


@given(images)
@settings(max_examples=60, deadline=None)
def test_any_simple_tiff_is_read_back_by_both_ways(pixels):
    fast = read_simple(tiff_bytes(pixels, "Ch1"), Limits())
    assert fast is not None
    np.testing.assert_array_equal(fast, pixels)
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, photometric="minisblack", compression="zlib")
    np.testing.assert_array_equal(decode(out.getvalue(), "c.tif", Limits(), FindingLog()).load(0), pixels)


@given(st.lists(st.binary(max_size=3000), max_size=8), st.booleans(), st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_any_zip_is_read_like_the_standard_library_does(contents, stored, comment):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as written:
        for number, data in enumerate(contents):
            written.writestr(f"folder/ä{number}.tif", data)
        written.comment = comment
    with Archive(out.getvalue(), Limits(), "x.zip") as archive:
        assert [archive.read(index) for index in range(len(archive))] == contents
        names = [archive.member_name(index) for index in range(len(archive))]
    assert names == [f"folder/ä{number}.tif" for number in range(len(contents))]


@given(
    st.from_regex(r"[A-Za-z+\-]([A-Za-z0-9+\-_. ]{0,20}[A-Za-z])?", fullmatch=True),
    st.integers(0, 10**9),
    st.integers(1, 12),
    st.sampled_from(["", "a/b", "NT3/3d"]),
)
def test_names_of_the_instrument_are_understood(prefix, number, channel, folder):
    parsed = parse_name(f"{folder}/{prefix}_{number}_Ch{channel}.ome.tif".lstrip("/"))
    assert (parsed.folder, parsed.object_number, parsed.channel) == (folder, number, f"Ch{channel}")
    assert parsed.prefix == prefix.rstrip("_- .")


@given(words, words)
def test_text_for_a_cell_is_read_back_and_never_runs(text, other):
    assert from_cell(to_cell(text)) == text
    assert not to_cell(f"={other}").startswith("=")


samples = st.lists(
    st.builds(
        Sample,
        name=words.filter(bool),
        group=values,
        time_h=st.one_of(st.none(), st.integers(0, 500).map(float), st.sampled_from([0.5, 0.25, 1.75])),
        replicate=values,
        donor=values,
        instrument=values,
        control=st.booleans(),
        true_class=values,
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda sample: look(sample.name),
)


@given(samples, st.sampled_from(["csv", "xlsx"]))
@settings(max_examples=60, deadline=None)
def test_any_sheet_comes_back_unchanged(written, kind):
    data = write_sheet_csv(written) if kind == "csv" else write_sheet_xlsx(written)
    log = FindingLog()
    filled = apply_sheet([Sample(s.name) for s in written], read_sheet(data, f"s.{kind}", log), log)
    assert filled == written
    # What may be a date that a spreadsheet made is kept, and pointed at.
    assert {finding.code for finding in log if finding.level != "note"} <= {"W-SHEET-DATE"}


def base_zip() -> bytes:
    out = io.BytesIO()
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            pixels = rng.integers(0, 4000, (12, 14), dtype=np.uint16)
            archive.writestr(f"s/x_{number}_Ch1.tif", tiff_bytes(pixels, "Ch1"))
    return out.getvalue()


BASE = base_zip()


@given(st.lists(st.tuples(st.integers(0, len(BASE) - 1), st.integers(0, 255)), min_size=1, max_size=6))
@settings(max_examples=150, deadline=None)
def test_no_damage_to_a_zip_escapes_or_loses_a_file(changes):
    data = bytearray(BASE)
    for position, value in changes:
        data[position] = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.zip"
        path.write_bytes(data)
        log = FindingLog()
        try:
            with survey([path], Limits(), log) as found:
                cells = sum(1 for sample in found.samples for _ in found.read(sample, None, log))
                assert found.members == found.images + found.skipped + found.ignored
                assert cells == found.images
        except NscwebError as error:
            assert error.code.startswith("E-") and error.what


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_no_damage_to_an_image_escapes(data):
    whole = data.draw(st.sampled_from(IMAGES))
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4))):
        if damaged:
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        pages = decode(bytes(damaged), "c.tif", Limits(), FindingLog())
        pixels = pages.load(0)
        assert pixels.ndim == 2 and min(pixels.shape) >= 8
    except NscwebError as error:
        assert error.code.startswith("E-") and error.what


def base_images() -> list[bytes]:
    from PIL import Image

    pixels = np.random.default_rng(3).integers(0, 255, (16, 20), dtype=np.uint8)
    made = [tiff_bytes(pixels, "Ch1")]
    for options in ({"compression": "lzw"}, {"tile": (16, 16)}, {"compression": "zlib", "predictor": True}):
        out = io.BytesIO()
        tifffile.imwrite(out, pixels, photometric="minisblack", **options)
        made.append(out.getvalue())
    for kind in ("PNG", "JPEG", "BMP"):
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, kind)
        made.append(out.getvalue())
    return made


IMAGES = base_images()
