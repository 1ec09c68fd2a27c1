"""The pixel size that files themselves give: taken when they agree, never assumed."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import tifffile

from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.pixels.pixel_size import PixelSize, pixel_size
from nscweb.io.survey.survey import survey


def ome(**attributes: str) -> bytes:
    text = " ".join(f'{name}="{value}"' for name, value in attributes.items())
    return described(f'<OME><Image><Pixels SizeX="9" {text}/></Image></OME>'.encode())


def described(text: bytes, **options: Any) -> bytes:
    """A TIFF of nothing with a description."""
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        writer.write(np.zeros((9, 9), np.uint8), description=text, metadata=None, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"PhysicalSizeX": "0.5", "PhysicalSizeY": "0.5"}, 0.5),
        ({"PhysicalSizeX": "330", "PhysicalSizeXUnit": "nm"}, 0.33),
        ({"PhysicalSizeX": "0.65", "PhysicalSizeXUnit": "µm"}, 0.65),
        ({"PhysicalSizeX": "0.65", "PhysicalSizeXUnit": "\u03bcm"}, 0.65),
        ({"PhysicalSizeX": "0.65", "PhysicalSizeXUnit": "&#181;m"}, 0.65),
        ({"PhysicalSizeX": "0.65", "PhysicalSizeXUnit": "&#xB5;m"}, 0.65),
        ({"PhysicalSizeX": "0.65", "PhysicalSizeXUnit": "&#x03BC;m"}, 0.65),
        ({"PhysicalSizeX": "0.65", "PhysicalSizeXUnit": "&micro;m"}, 0.65),
        ({"PhysicalSizeX": "5e-07", "PhysicalSizeXUnit": "m"}, 0.5),
        ({"PhysicalSizeX": "5e-05", "PhysicalSizeXUnit": "cm"}, 0.5),
        ({"PhysicalSizeX": "5e-04", "PhysicalSizeXUnit": "mm"}, 0.5),
        ({"PhysicalSizeX": "5000", "PhysicalSizeXUnit": "\u00c5"}, 0.5),
        ({"PhysicalSizeX": "5000", "PhysicalSizeXUnit": "\u212b"}, 0.5),
        ({"PhysicalSizeX": "0.5", "PhysicalSizeXUnit": "micrometer"}, 0.5),
        ({"PhysicalSizeX": "0.5", "PhysicalSizeXUnit": "Micron"}, 0.5),
        ({"PhysicalSizeX": "0.5", "PhysicalSizeY": "0.7"}, None),
        ({"PhysicalSizeX": "1", "PhysicalSizeXUnit": "pixel"}, None),
        ({"PhysicalSizeX": "0"}, None),
        ({"PhysicalSizeX": "9e99"}, None),
        ({"PhysicalSizeX": "1.2.3"}, None),
        ({}, None),
    ],
)
def test_only_a_believable_size_is_taken(attributes, expected):
    found = pixel_size(ome(**attributes))
    assert (found and found.um) == (pytest.approx(expected) if expected else None)


@pytest.mark.parametrize(
    ("unit", "resolution", "expected"),
    [
        ("micron", 2.0, 0.5),
        ("um", 2.0, 0.5),
        ("\\u00B5m", 2.0, 0.5),
        ("\u00b5m", 4.0, 0.25),
        ("nm", 0.002, 0.5),
        ("mm", 2000.0, 0.5),
        ("inch", 50800.0, 0.5),
        ("pixel", 1.0, None),
        ("", 1.0, None),
        ("inch", 72.0, None),
    ],
)
def test_imagej_says_unit_and_pixels_per_unit(unit, resolution, expected):
    text = f"ImageJ=1.53t\nunit={unit}\n".encode("latin-1")
    found = pixel_size(described(text, resolution=(resolution, resolution), resolutionunit=1))
    assert found == (PixelSize(expected, "sure") if expected else None)
    uneven = pixel_size(described(text, resolution=(resolution, 2 * resolution), resolutionunit=1))
    assert uneven is None


@pytest.mark.parametrize(
    ("unit", "resolution", "expected"),
    [(3, 20000, 0.5), (2, 50800, 0.5), (2, 72, None), (3, 28.35, None), (1, 2, None)],
)
def test_the_resolution_of_printers_is_taken_where_a_microscope_could_have_it(unit, resolution, expected, tmp_path):
    data = described(b"", resolution=(resolution, resolution), resolutionunit=unit)
    found = pixel_size(data)
    assert (found and (found.um, found.source)) == ((expected, "resolution") if expected else None)
    (tmp_path / "a_1_Ch1.tif").write_bytes(data)
    log = FindingLog()
    with survey([tmp_path], Limits(), log) as seen:
        assert seen.pixel_size_um == expected
    assert any(finding.code == "W-PIXEL-RESOLUTION" for finding in log) == bool(expected)


@pytest.mark.parametrize(("size", "offered"), [(0.65, 0.65), (0.108333, 0.108333), (1e9, None)])
def test_the_private_tag_of_nis_elements_is_offered_and_not_taken(size, offered, tmp_path):
    (tmp_path / "a_1_Ch1.tif").write_bytes(described(b"", extratags=[(65326, 12, 1, size, True)]))
    log = FindingLog()
    with survey([tmp_path], Limits(), log) as seen:
        assert seen.pixel_size_um is None
        assert seen.offered_pixel_size_um == offered
    told = [finding.message for finding in log if finding.code == "N-PIXEL-OFFERED"]
    assert [("guess" in message, f"{size:g}" in message) for message in told] == ([(True, True)] if offered else [])


CASES = [
    *(f"ij_px_{unit}" for unit in ("inch", "micron", "u00b5", "um")),
    *(f"ome_px_{unit}" for unit in ("angstrom", "charhex", "charref", "cm", "m", "micrometer")),
    "tiff_px_cm",
]


@pytest.mark.parametrize("case", CASES)
def test_the_cases_have_half_a_micrometre(case, shared):
    with survey([shared / "cases" / case], Limits(), FindingLog()) as seen:
        assert seen.pixel_size_um == 0.5


def test_a_survey_has_a_size_when_its_files_agree(tmp_path):
    cell = np.full((40, 40), 900, np.uint16)
    cell[15:25, 15:25] = 300
    for number, size in enumerate((0.5, 0.5)):
        meta = {"axes": "YX", "PhysicalSizeX": size, "PhysicalSizeY": size}
        tifffile.imwrite(tmp_path / f"a_{number}_Ch1.ome.tif", cell, ome=True, metadata=meta)
    with survey([tmp_path], Limits(), FindingLog()) as found:
        assert found.pixel_size_um == pytest.approx(0.5)
    meta = {"axes": "YX", "PhysicalSizeX": 0.33, "PhysicalSizeY": 0.33}
    tifffile.imwrite(tmp_path / "other_7_Ch1.ome.tif", cell, ome=True, metadata=meta)
    log = FindingLog()
    with survey([tmp_path], Limits(), log) as found:
        assert found.pixel_size_um is None
    assert "W-PIXEL-DIFFER" in {finding.code for finding in log}
