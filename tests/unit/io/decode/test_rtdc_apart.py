"""HDF5 is read in a process of its own: what ends the library ends no import and no server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from nscweb.core.cells import CellImage
from nscweb.core.errors import InputRefused, NscwebError
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.decode.guarded_child import GuardedChild
from nscweb.io.decode.rtdc_apart import CODE, RtdcApart
from nscweb.io.formats.rtdc import RtdcCells

COUNT = 30


def write(path: Path, **options: Any) -> Path:
    rng = np.random.default_rng(1)
    images = rng.normal(120, 4, (COUNT, 20, 24)).astype(np.uint8)
    with h5py.File(path, "w") as file:
        file.create_dataset("events/image", data=images, **options)
        file.create_dataset("events/mask", data=images > 121, **options)
        file["events/deform"] = np.linspace(0, 1, COUNT) ** 3
        file["events/area_um"] = np.where(np.arange(COUNT) % 7 == 3, np.nan, np.arange(COUNT))
        file.attrs["imaging:pixel size"] = 0.34
    return path


def everything(table: Any, rows: Any = range(COUNT)) -> tuple[list[Any], list[Any]]:
    log = FindingLog()
    told = []
    for row, cell in table.read(rows, ["brightfield"], Limits(), log):
        if isinstance(cell, NscwebError):
            told.append((row, cell.code))
        else:
            told.append((row, cell.pixels.tolist(), cell.masks is not None and cell.masks.tolist(), dict(cell.values)))
            assert (cell.object_number, cell.source) == (row + 1, table.where(row))
    return told, list(log)


@pytest.mark.parametrize("options", [{}, {"chunks": (4, 20, 24), "compression": "gzip"}, {"chunks": (7, 10, 24)}])
def test_another_process_gives_the_same_cells(options: dict[str, Any], tmp_path: Path) -> None:
    path = write(tmp_path / "a.rtdc", **options)
    with RtdcCells(path, Limits()) as here, RtdcApart(path, Limits()) as apart:
        for name in ("name", "cells", "channels", "brightfield", "pixel_size_um", "has_masks", "labelled", "notes"):
            assert getattr(here, name) == getattr(apart, name)
        assert {key: rows.tolist() for key, rows in here.groups.items()} == {
            key: rows.tolist() for key, rows in apart.groups.items()
        }
        assert everything(here) == everything(apart)
        assert everything(here, [2, 5, 29]) == everything(apart, [2, 5, 29])


def test_refusals_and_limits_are_those_of_the_reader(tmp_path: Path) -> None:
    text = tmp_path / "text.rtdc"
    text.write_text("no HDF5")
    for path, limits in ((text, Limits()), (write(tmp_path / "a.rtdc"), Limits(max_members=3))):
        with pytest.raises(NscwebError) as here:
            RtdcCells(path, limits)
        with pytest.raises(NscwebError) as apart:
            RtdcApart(path, limits)
        assert (type(here.value), str(here.value), here.value.code) == (
            type(apart.value),
            str(apart.value),
            apart.value.code,
        )


def test_this_process_never_loads_the_library(tmp_path: Path, project: Path) -> None:
    path = write(tmp_path / "a.rtdc")
    code = (
        "import sys; from pathlib import Path; from nscweb.core.findings import FindingLog; "
        "from nscweb.core.limits import Limits; from nscweb.io.survey.survey import survey\n"
        f"with survey([Path({str(path)!r})], Limits(), FindingLog()) as found:\n"
        "    (sample,) = found.samples; cells = list(found.read(sample, None, FindingLog()))\n"
        f"assert len(cells) == {COUNT} and 'h5py' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=project, check=True, env={**os.environ, "PYTHONPATH": "."})


def crashing(tmp_path: Path, rows: str) -> GuardedChild:
    """A reader that ends at some rows, as the library does."""
    folder = tmp_path / "reader"
    folder.mkdir()
    (folder / "ending_reader.py").write_text(
        "import os\n"
        "from nscweb.io.decode import rtdc_child\n"
        "from nscweb.io.decode.guarded_server import serve\n"
        "def make():\n"
        "    answer = rtdc_child._make()\n"
        "    def ends(asked, data):\n"
        f"        if set(asked.get('rows', ())) & set({rows}):\n"
        "            os.abort()\n"
        "        return answer(asked, data)\n"
        "    return ends\n"
        "def main():\n"
        "    serve(make)\n"
    )
    return GuardedChild("ending_reader:main", [folder], "The file is damaged", "the reader", "Copy it again.", CODE)


def test_a_row_that_ends_the_reader_is_left_out_by_name(tmp_path: Path) -> None:
    reader = crashing(tmp_path, "(4, 17)")
    with RtdcApart(write(tmp_path / "a.rtdc"), Limits(), reader) as table:
        told, _ = everything(table)
    reader.close()
    assert [row for row, *_ in told] == list(range(COUNT))
    assert [said for said in told if len(said) == 2] == [(4, CODE), (17, CODE)]


def test_a_file_that_ends_the_reader_again_and_again_is_given_up(tmp_path: Path) -> None:
    reader = crashing(tmp_path, "range(5, 30)")
    told = []
    with RtdcApart(write(tmp_path / "a.rtdc"), Limits(), reader) as table, pytest.raises(InputRefused) as caught:
        told += [row for row, _ in table.read(range(COUNT), ["brightfield"], Limits(), FindingLog())]
    reader.close()
    assert caught.value.code == CODE


@pytest.mark.parametrize("first", ["a_good.rtdc", "z_good.rtdc"])
def test_the_file_that_ends_the_library_is_named_and_the_rest_goes_on(
    first: str, take: Callable[..., Any], shared: Path, tmp_path: Path
) -> None:
    write(tmp_path / first)
    shutil.copy(shared / "hostile" / "more" / "hdf5_crash.rtdc", tmp_path / "hdf5_crash.rtdc")
    imported = take(tmp_path)
    assert len(imported.cells[first.removesuffix(".rtdc")]) == COUNT
    wrong = [finding for finding in imported.log if finding.level == "skip"]
    assert wrong
    assert all("hdf5_crash" in finding.where for finding in wrong)
    assert "E-HDF5" in wrong[0].code


def test_no_damage_ends_this_process(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """Hundreds of files with changed bytes; 5,000 with --full-rounds."""
    plain = [
        write(tmp_path / f"{number}.rtdc", **options).read_bytes()
        for number, options in enumerate(
            [{}, {"chunks": (4, 20, 24)}, {"chunks": (4, 20, 24), "compression": "gzip", "shuffle": True}]
        )
    ]
    rng = np.random.default_rng(7)
    cells = 0
    for number in range(5000 if pytestconfig.getoption("--full-rounds") else 400):
        data = np.frombuffer(plain[number % 3], np.uint8).copy()
        # Structure lies at the beginning and between the arrays; there a byte weighs most.
        places = rng.integers(0, len(data) if number % 2 else 6000, int(rng.integers(1, 40)))
        data[places] = rng.integers(0, 256, len(places))
        path = tmp_path / "damaged.rtdc"
        path.write_bytes(data.tobytes())
        try:
            with RtdcApart(path, Limits()) as table:
                rows = range(min(table.cells, 64))
                for _, cell in table.read(rows, ["brightfield"], Limits(), FindingLog()):
                    cells += isinstance(cell, CellImage)
        except NscwebError as error:
            assert error.code.startswith(("E-HDF5", "E-LIMIT", "E-IMG"))
    assert cells > 100
