"""Files that no folder parts: several samples by their names, one sample, or a question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.names.loose_names import part_of, sample_parts
from nscweb.io.survey.survey import survey

FOUR = range(1, 5)


def counted(*heads: str, form: str = "{}_{}") -> list[str]:
    return [form.format(head, number) for head in heads for number in FOUR]


SEVERAL: list[tuple[list[str], list[str]]] = [
    (counted("B02", "C03"), ["B02", "C03"]),
    (counted("B02", "B03"), ["B02", "B03"]),
    (counted("NT3_1d_r1", "RA_1d_r1"), ["NT3_1d_r1", "RA_1d_r1"]),
    (counted("NT3_1d_r1", "NT3_1d_r2", form="{}_{:04d}"), ["NT3_1d_r1", "NT3_1d_r2"]),
    (counted("DMSO_B5_t24", "DMSO_C6_t24", form="{}_{:04d}"), ["DMSO_B5_t24", "DMSO_C6_t24"]),
    (counted("NT3 Tag 1 Wdh 1", "RA Tag 3 Wdh 2", form="{} ({})"), ["NT3 Tag 1 Wdh 1", "RA Tag 3 Wdh 2"]),
    (counted("RA-3d-rep1", "RA-3d-rep2", form="{}-{}"), ["RA-3d-rep1", "RA-3d-rep2"]),
    (counted("NT3_1d_r1", "RA_1d_r1", form="{} cell {}"), ["NT3_1d_r1", "RA_1d_r1"]),
    (counted("B02_s1", "B02_s2", "C03_s1"), ["B02", "C03"]),
    (counted("B02_f01", "C03_f01"), ["B02", "C03"]),
    (["NT3_1d_r1", "NT3_1d_r2", "RA_1d_r1"], ["NT3_1d_r1", "NT3_1d_r2", "RA_1d_r1"]),
    (["A01", "A02", "B01"], ["A01", "A02", "B01"]),
]
ONE = [
    ["1", "2", "3"],
    counted("cell"),
    counted("cell", form="{}{}"),
    counted("NT3_1d_r1", form="{}_{:04d}"),
    counted("image", form="{} ({})"),
    counted("NT3_1d_r1_s1", "NT3_1d_r1_s2"),
    [f"n{number}" for number in range(1, 60)],
    [f"a{number}" for number in range(1, 300)],
    ["3fa9c1", "77be12", "a0931f"],
    [f"IMG_2024031{number}" for number in range(10)],
]


def samples_of(*paths: Path, **options: Any) -> dict[str, int]:
    with survey(paths, Limits(), FindingLog(), **options) as found:
        return {sample.name: sample.cells for sample in found.samples}


def written(folder: Path, names: Sequence[str], data: bytes) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in names]
    for path in paths:
        path.write_bytes(data)
    return paths


@pytest.mark.parametrize(("stems", "expected"), SEVERAL, ids=lambda value: str(value[0]))
def test_names_that_the_tables_understand_are_several_samples(
    stems: list[str], expected: list[str], tmp_path: Path, tiff: Any, make_zip: Callable[..., Path]
) -> None:
    names = [f"{stem}.tif" for stem in stems]
    paths = written(tmp_path / "export", names, tiff())
    each = {name: len(stems) // len(expected) for name in expected}
    each = each if "B02_s2_1" not in stems else {"B02": 8, "C03": 4}
    archive = make_zip([(name, tiff()) for name in names])
    assert samples_of(*paths) == each
    assert samples_of(tmp_path / "export") == each
    assert samples_of(archive) == each
    inside = make_zip([(f"export/{name}", tiff()) for name in names], "inside.zip")
    assert samples_of(inside) == {f"export/{name}": count for name, count in each.items()}


@pytest.mark.parametrize("stems", ONE, ids=lambda value: value[0])
def test_cells_of_one_sample_stay_together(stems: list[str], tmp_path: Path, tiff: Any) -> None:
    paths = written(tmp_path, [f"{stem}.tif" for stem in stems], tiff())
    with survey(paths, Limits(), FindingLog()) as found:
        assert [sample.cells for sample in found.samples] == [len(stems)] and not found.apart


UNKNOWN = [("NT3", "RA"), ("s1", "s2"), ("NT3_s1", "NT3_s2"), ("astro", "oligo"), ("2024-03-12", "2024-03-13")]


@pytest.mark.parametrize("heads", UNKNOWN)
def test_names_that_differ_and_are_not_understood_are_asked_about(
    heads: tuple[str, ...], tmp_path: Path, tiff: Any
) -> None:
    paths = written(tmp_path, [f"{stem}.tif" for stem in counted(*heads)], tiff())
    with survey(paths, Limits(), FindingLog()) as found:
        assert [sample.cells for sample in found.samples] == [4 * len(heads)]
        (parted,) = found.apart.values()
    assert parted.names == dict.fromkeys(heads, 4)


@pytest.mark.parametrize(("form", "other"), [("{}_BF", "{}_GFP"), ("{}_c0", "{}_c1"), ("BF_{}", "DAPI_{}")])
def test_channels_of_cells_are_parted_as_well(form: str, other: str, tmp_path: Path, tiff: Any) -> None:
    stems = counted("NT3_1d_r1", "RA_1d_r1")
    files = [f"{one.format(stem)}.tif" for stem in stems for one in (form, other)]
    assert samples_of(*written(tmp_path / "a", files, tiff())) == {"NT3_1d_r1": 4, "RA_1d_r1": 4}
    wells = [f"{one.format(stem)}.tif" for stem in counted("B02_s1", "B02_s2", "C03_s1") for one in (form, other)]
    assert samples_of(*written(tmp_path / "b", wells, tiff())) == {"B02": 8, "C03": 4}


def test_fields_with_channels_and_no_number_are_samples(tmp_path: Path, tiff: Any) -> None:
    names = [f"{sample}_{mark}.tif" for sample in ("NT3_1d_r1", "NT3_1d_r2", "RA_1d_r1") for mark in ("BF", "GFP")]
    assert samples_of(*written(tmp_path, names, tiff())) == {"NT3_1d_r1": 1, "NT3_1d_r2": 1, "RA_1d_r1": 1}


def test_one_folder_of_an_instrument_with_several_samples(tiff: Any, make_zip: Callable[..., Path]) -> None:
    names = [f"{stem}_Ch{channel}.tif" for stem in counted("NT3_1d_r1", "RA_1d_r1") for channel in (1, 2)]
    export = make_zip([(f"export/{name}", tiff()) for name in names])
    assert samples_of(export) == {"export/NT3_1d_r1": 4, "export/RA_1d_r1": 4}
    assert samples_of(export, class_from_folder=True) == {"export": 8}
    # The folder is a sample by its own name, so it is asked for.
    sample = make_zip([(f"RA_1d_r1/{name}", tiff()) for name in names], "sample.zip")
    with survey([sample], Limits(), FindingLog()) as found:
        assert [item.cells for item in found.samples] == [8] and list(found.apart) == ["RA_1d_r1"]


def test_the_rule_is_told_on_an_example(tmp_path: Path, tiff: Any) -> None:
    log = FindingLog()
    with survey(written(tmp_path, [f"{stem}.tif" for stem in counted("B02", "C03")], tiff()), Limits(), log) as found:
        assert any("2 samples by their names: 'B02_1' belongs to 'B02'" in rule for rule in found.rules)
    assert "N-NAME-PARTS" in {finding.code for finding in log}


def test_a_file_is_found_again_in_the_names_of_its_samples() -> None:
    heads, parted = sample_parts(counted("NT3", "NT3b"))
    assert [part_of(stem, parted.names) for stem in counted("NT3", "NT3b")] == heads
    assert part_of("other_1", parted.names) == ""
