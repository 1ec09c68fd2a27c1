"""The pixel size that files themselves give: taken when they agree, never assumed."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.pixels.ome import pixel_size_um
from nscweb.io.survey.survey import survey


def ome(**attributes: str) -> bytes:
    text = " ".join(f'{name}="{value}"' for name, value in attributes.items())
    return f'<OME><Image><Pixels SizeX="9" {text}/></Image></OME>'.encode()


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"PhysicalSizeX": "0.5", "PhysicalSizeY": "0.5"}, 0.5),
        ({"PhysicalSizeX": "330", "PhysicalSizeXUnit": "nm"}, 0.33),
        ({"PhysicalSizeX": "0.65", "PhysicalSizeXUnit": "µm"}, 0.65),
        ({"PhysicalSizeX": "0.5", "PhysicalSizeY": "0.7"}, None),
        ({"PhysicalSizeX": "1", "PhysicalSizeXUnit": "pixel"}, None),
        ({"PhysicalSizeX": "0"}, None),
        ({"PhysicalSizeX": "9e99"}, None),
        ({"PhysicalSizeX": "1.2.3"}, None),
        ({}, None),
    ],
)
def test_only_a_believable_size_is_taken(attributes, expected):
    found = pixel_size_um(ome(**attributes))
    assert found == (pytest.approx(expected) if expected else None)


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
    with survey([tmp_path], Limits(), FindingLog()) as found:
        assert found.pixel_size_um is None
