"""Builders for tests of imports in chunks, and reading processes that die at chosen cells."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

from nscweb.core.cells import CellImage
from nscweb.services.context import App
from nscweb.services.study.study import get_study, quality_table
from nscweb.simulation.small_tiff import tiff_bytes
from nscweb.store.cell_files import CellFile


def folder_of_cells(folder: Path, samples: dict[str, int], channels: tuple[str, ...] = ("Ch1", "Ch2")) -> Path:
    """Small TIFFs of different sizes; every tenth cell lacks its second channel, one file is damaged."""
    for name, cells in samples.items():
        (folder / name).mkdir(parents=True)
        for number in range(cells):
            rng = np.random.default_rng(number)
            shape = (16 + number % 5, 20 + number % 3)
            for channel in channels:
                if channel != channels[0] and number % 10 == 0:
                    continue
                pixels = rng.normal(800, 20, shape).astype(np.uint16)
                pixels[5:10, 6:12] //= 2
                data = tiff_bytes(pixels, channel)
                if number == 7 and channel == channels[0]:
                    data = data[:-40]
                (folder / name / f"a_{number}_{channel}.tif").write_bytes(data)
    return folder


def everything_of(app: App, study: str) -> list[tuple[str, str, list[str], pd.DataFrame]]:
    """All that an import stores of the cells, comparable."""
    found = get_study(app, study)
    keys = app.catalogue.sample_keys(found.study_id)
    stored = []
    for sample in found.samples:
        path = app.folder.cells_path(found.study_id, keys[sample.name])
        with CellFile(path) as cells:
            digest, sources = cells.sha256(), list(cells.sources())
            assert len(cells) == sample.cells == len(set(cells.object_numbers.tolist()))
        stored.append((sample.name, digest, sources, quality_table(app, study, sample.name)))
    return stored


def same(first: list, second: list) -> bool:
    for (*one, table), (*two, other) in zip(first, second, strict=True):
        pd.testing.assert_frame_equal(table, other)
        assert one == two
    return True


def deadly_main() -> None:
    """A reading process that dies at the cells 20 and 300, each time, as by the kernel for lack of memory."""
    from nscweb.io.survey import cell_reader
    from nscweb.services.study import import_pool

    usual = cell_reader.FileCellReader._assemble

    def assemble(self: cell_reader.FileCellReader, number: int, planes: dict) -> CellImage | None:
        if number in (20, 300):
            os._exit(137)
        return usual(self, number, planes)

    cell_reader.FileCellReader._assemble = assemble  # type: ignore[method-assign]
    import_pool.main()


def once_main() -> None:
    """A reading process that dies once, at cell 20, and never again."""
    from nscweb.io.survey import cell_reader
    from nscweb.services.study import import_pool

    flag = Path(os.environ["ONCE_FLAG"])
    usual = cell_reader.FileCellReader._assemble

    def assemble(self: cell_reader.FileCellReader, number: int, planes: dict) -> CellImage | None:
        if number == 20 and not flag.exists():
            flag.touch()
            os._exit(137)
        return usual(self, number, planes)

    cell_reader.FileCellReader._assemble = assemble  # type: ignore[method-assign]
    import_pool.main()


def stillborn_main() -> None:
    """A process that ends before it reads anything."""
    os._exit(1)
