"""`.daf` files: names and populations for the `.cif` that they belong to, and nothing followed or made up."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cif_encoder as encoder
import numpy as np
import pytest

from nscweb.core.errors import InputRefused, LimitExceeded
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.formats.daf import read_daf
from nscweb.io.survey import cut_out
from nscweb.io.survey.cut_out import excerpt
from nscweb.io.survey.survey import survey

LIMITS = Limits()
IMAGES = '<image name="BF" physicalChannel="1" /><image name="GFAP" physicalChannel="0" />'
POPS = """
<Pop name="All" type="B" base="" />
<Pop name="dead" type="T" base="All"><ob O="3" /><ob O="1" /></Pop>
<Pop name="first" type="G" base="All" region="0 to 2" fx="Object Number" />
<Pop name="Focused" type="G" base="All" region="0 to 2" fx="Gradient RMS_M04_BF" />
<Pop name="both" type="C" base="All" definition="dead|And|first" />
<Pop name="neither" type="C" base="All" definition="Not|(|dead|Or|first|)" />
<Pop name="unclear" type="C" base="All" definition="dead|Or|Focused" />
"""
REGIONS = '<Region type="line" label="0 to 2" xlogrange="P"><axy x="2.4" y="1" /><axy x="-0.5" y="1" /></Region>'


def daf(
    file: str = r"D:\data\Person\Day3.cif",
    images: str = IMAGES,
    regions: str = REGIONS,
    pops: str = POPS,
    count: int = 6,
) -> bytes:
    return (
        f'\ufeff<?xml version="1.0" encoding="utf-8"?>\r\n<Assay binaryfeatures="True"><SOD file="{file}" '
        f'objcount="{count}"><Images>{images}</Images><Regions>{regions}</Regions><Pops>{pops}</Pops></SOD></Assay>\n'
    ).encode() + b"\x00\x1e\x01\x00</Assay>\xff"


def objects_of(data: bytes, folder: Path) -> dict[str, list[int] | None]:
    path = folder / "any.daf"
    path.write_bytes(data)
    found = read_daf(path, LIMITS).populations
    return {name: None if objects is None else objects.tolist() for name, objects in found.items()}


def test_names_and_populations(tmp_path: Path) -> None:
    path = tmp_path / "Day3.daf"
    path.write_bytes(daf())
    info = read_daf(path, LIMITS)
    assert (info.file, info.objects, info.brightfield) == ("Day3.cif", 6, 2)
    assert info.channels == {1: "GFAP", 2: "BF"}
    assert objects_of(daf(), tmp_path) == {
        "dead": [1, 3],
        "first": [0, 1, 2],
        "Focused": None,
        "both": [1],
        "neither": [4, 5],
        "unclear": None,
    }


@pytest.mark.parametrize(
    ("pops", "expected"),
    [
        ('<Pop name="a" type="C" definition="b"/><Pop name="b" type="C" definition="a"/>', {"a": None, "b": None}),
        ('<Pop name="a" type="C" definition=""/>', {"a": None}),
        ('<Pop name="a" type="C" definition="a|And"/>', {"a": None}),
        ('<Pop name="a" type="C" definition="(|(|("/>', {"a": None}),
        ('<Pop name="a" type="C" definition="' + "(|" * 3000 + '"/>', {"a": None}),
        (
            '<Pop name="a" type="C" definition="' + "Not|" * 900 + 'All"/><Pop name="All" type="B"/>',
            {"a": list(range(6))},
        ),
        ('<Pop name="a" type="G" region="nowhere" fx="Object Number"/>', {"a": None}),
        ('<Pop name="a" type="T"/>', {"a": []}),
        ('<Pop name="a" type="T"><ob O="-1"/><ob O="x"/><ob O="4"/><ob O="9"/></Pop>', {"a": [4]}),
        ('<Pop type="T"><ob O="1"/></Pop>', {}),
        ('<Pop name="a&#10;b" type="T"><ob O="1"/></Pop>', {"ab": [1]}),
    ],
)
def test_odd_populations(pops: str, expected: dict[str, Any], tmp_path: Path) -> None:
    assert objects_of(daf(pops=pops), tmp_path) == expected


def test_populations_made_to_be_slow(tmp_path: Path) -> None:
    doubled = "".join(
        f'<Pop name="p{i}" type="C" definition="p{i + 1}|And|p{i + 1}|Or|p{i + 1}"/>' for i in range(1000)
    )
    found = objects_of(daf(pops=doubled + '<Pop name="p1000" type="B"/>', count=4_000_000), tmp_path)
    assert len(found) == 1000


def test_other_scales_and_shapes_of_gates_are_not_guessed(tmp_path: Path) -> None:
    for region in (
        REGIONS.replace('"P"', '"1000"'),
        REGIONS.replace("line", "poly"),
        REGIONS.replace("2.4", "nan"),
        REGIONS.replace('<axy x="2.4" y="1" />', ""),
    ):
        assert objects_of(daf(regions=region), tmp_path)["first"] is None


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "E-DAF-DAMAGED"),
        (b"no XML at all </Assay>", "E-DAF-DAMAGED"),
        (daf()[:300], "E-DAF-DAMAGED"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><Assay>&b;</Assay>", "E-DAF-DAMAGED"),
        (b"<?xml version='1.0' encoding='nonsense'?><Assay></Assay>", "E-DAF-DAMAGED"),
        (b"<Assay></Assay>", "E-DAF-NO-FILE"),
    ],
)
def test_damaged_files_are_refused(data: bytes, code: str, tmp_path: Path) -> None:
    path = tmp_path / "a.daf"
    path.write_bytes(data)
    with pytest.raises(InputRefused) as error:
        read_daf(path, LIMITS)
    assert error.value.code == code


def test_the_end_of_the_xml_is_found_wherever_parts_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.daf"
    path.write_bytes(daf())
    for size in range(3, 24):
        monkeypatch.setattr("nscweb.io.formats.daf._CHUNK", size)
        assert read_daf(path, LIMITS).objects == 6
    with pytest.raises(LimitExceeded):
        read_daf(path, Limits(max_member_bytes=100))


def write_pair(folder: Path, **options: Any) -> list[encoder.Object]:
    objects = encoder.make_objects(6, 2)
    folder.mkdir(exist_ok=True)
    (folder / "day3.CIF").write_bytes(encoder.cif_bytes(objects, lamps=(1,), **options))
    (folder / "analysis of mine.daf").write_bytes(daf())
    return objects


@pytest.mark.parametrize("way", ["folder", "files", "other order"])
def test_a_daf_gives_its_cif_tags_and_the_brightfield_channel(
    way: str, tmp_path: Path, take: Callable[..., Any]
) -> None:
    folder = tmp_path / "study"
    objects = write_pair(folder)
    files = sorted(folder.iterdir())
    imported = take(*{"folder": [folder], "files": files, "other order": files[::-1]}[way])
    assert imported.found.brightfield == "Ch2" and imported.found.channels == ("Ch1", "Ch2")
    tags = {cell.object_number: cell.tags for cell in imported.all_cells}
    assert tags == {
        0: ("first",),
        1: ("dead", "first", "both"),
        2: ("first",),
        3: ("dead",),
        4: ("neither",),
        5: ("neither",),
    }
    np.testing.assert_array_equal(imported.all_cells[2].pixels, objects[2].pixels)
    assert imported.codes() == {"N-DAF-CHANNELS", "N-DAF-POPULATIONS", "N-DAF-GATED"}
    told = {finding.code: finding.where for finding in imported.log}
    assert told["N-DAF-CHANNELS"].endswith("Ch1 GFAP, Ch2 BF") and told["N-DAF-GATED"].endswith("Focused, unclear")
    assert "Person" not in repr(list(imported.log))


def test_another_process_sees_the_same_tags(tmp_path: Path) -> None:
    write_pair(tmp_path / "study")
    with survey([tmp_path / "study"], LIMITS, FindingLog()) as found:
        part = pickle.loads(pickle.dumps(excerpt(found, found.samples[0], 1, 4, apart=True)))
        cells = list(part.read(part.samples[0], None, FindingLog()))
        cut_out._OPEN.popitem()[1].close()
    assert [(cell.object_number, cell.tags[0]) for cell in cells] == [(1, "dead"), (2, "first"), (3, "dead")]


def test_populations_of_another_file_are_not_taken(tmp_path: Path, take: Callable[..., Any]) -> None:
    write_pair(tmp_path / "study")
    (tmp_path / "study" / "analysis of mine.daf").write_bytes(daf(count=420))
    imported = take(tmp_path / "study")
    assert imported.codes("warn") == {"W-DAF-COUNT"} and not any(cell.tags for cell in imported.all_cells)


def test_two_analyses_of_one_file(tmp_path: Path, take: Callable[..., Any]) -> None:
    write_pair(tmp_path / "study")
    second = '<Pop name="dead" type="T"><ob O="5" /></Pop>'
    (tmp_path / "study" / "second.daf").write_bytes(daf(pops=second))
    tags = {cell.object_number: cell.tags for cell in take(tmp_path / "study").all_cells}
    assert tags[5] == ("neither", "dead (second)") and tags[3] == ("dead",)


def test_a_daf_alone_is_refused_and_says_what_it_holds(tmp_path: Path, take: Callable[..., Any]) -> None:
    path = tmp_path / "a.daf"
    path.write_bytes(daf())
    for given in (path, tmp_path):
        with pytest.raises(InputRefused) as error:
            take(given)
        assert error.value.code == "E-DAF-NO-CIF"
        assert "Day3.cif" in str(error.value) and "Ch2 BF" in str(error.value) and "dead" in str(error.value)
        assert "Person" not in str(error.value)


def test_a_daf_without_its_cif_beside_others(tmp_path: Path, take: Callable[..., Any]) -> None:
    write_pair(tmp_path / "study")
    (tmp_path / "study" / "lost.daf").write_bytes(daf(file="another.cif"))
    (tmp_path / "study" / "broken.daf").write_bytes(b"<Assay")
    imported = take(tmp_path / "study")
    assert imported.codes("skip") == {"E-DAF-NO-CIF", "E-DAF-DAMAGED"} and len(imported.all_cells) == 6


def test_the_cif_in_its_own_folder_comes_first(tmp_path: Path, take: Callable[..., Any]) -> None:
    for name in ("one", "two"):
        write_pair(tmp_path / name)
    (tmp_path / "two" / "analysis of mine.daf").unlink()
    imported = take(tmp_path)
    assert sorted(any(cell.tags for cell in cells) for cells in imported.cells.values()) == [False, True]
    (tmp_path / "one" / "analysis of mine.daf").rename(tmp_path / "up here.daf")
    assert take(tmp_path).codes("skip") == {"E-DAF-NO-CIF"}


@pytest.mark.parametrize("name", ["a.cif", "a.rif", "a.daf"])
def test_in_a_zip_they_are_told_to_be_taken_out(
    name: str, tmp_path: Path, take: Callable[..., Any], tiff: Callable[..., bytes]
) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_1_Ch1.ome.tif", tiff())
        archive.writestr(name, encoder.cif_bytes(encoder.make_objects(1)))
    imported = take(path)
    assert imported.codes("warn") == {"W-ZIP-TABLE"} and len(imported.all_cells) == 1
    assert name in next(finding.where for finding in imported.log if finding.level == "warn")


def test_a_real_daf(shared: Path) -> None:
    info = read_daf(shared / "data/daf/example.daf", LIMITS)
    assert (info.file, info.objects, info.brightfield) == ("example.cif", 420, 4)
    assert info.channels[4] == "BF" and len(info.channels) == 6
    known = info.names(known=True)
    assert len(known) == 12 and all(name.startswith("tagged-") for name in known)
    dead, metaphase = info.populations["tagged-dea"], info.populations["tagged-met"]
    assert dead is not None and dead.tolist() == list(range(400, 410))
    assert metaphase is not None and metaphase.tolist() == list(range(160, 200))
    assert {"Focused", "Events", "G2"} <= set(info.names(known=False)) and "All" not in info.populations


def test_a_daf_of_another_acquisition_does_not_move_the_brightfield_channel(
    shared: Path, tmp_path: Path, take: Callable[..., Any]
) -> None:
    """The real .daf has 420 objects and its lamp in Ch4; the real .cif has 111 objects and its lamp in Ch5."""
    imported = take(shared / "data/cif/example.cif", shared / "data/daf/example.daf")
    assert imported.found.brightfield == "Ch5"
    assert imported.codes("warn") == {"W-DAF-COUNT"}
