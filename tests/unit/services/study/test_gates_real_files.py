"""The default gates on real files: most cells stay in, and light that gives groups away is noticed."""

from __future__ import annotations

import numpy as np
import pytest
from asked import import_study

from nscweb.services.study.gates import funnel, gate_list, preview
from nscweb.services.study.illumination import illumination_report
from nscweb.services.study.quality import get_gates
from nscweb.services.study.study import quality_table
from nscweb.store.cell_files import CellFile


@pytest.mark.parametrize(
    ("path", "cells", "kept_percent"),
    [
        ("zhu2021/named_bmp", 12, 83.3),  # two pairs of cells among twelve
        ("ideas_ometif", 24, 91.6),  # two cells that their frame cuts
        ("jurkat_cycle/brightfield_tiles.npz", 2278, 96.0),  # of telophases, which are two cells, none stays
        ("cif/example.cif", 111, 95.0),
    ],
)
def test_the_defaults_leave_most_real_cells_in(opened, shared, path, cells, kept_percent):
    import_study(opened, [shared / "data" / path], "real")
    table = funnel(opened, "real")
    assert table["imported"].sum() == cells
    assert 100 * table["kept"].sum() / cells >= kept_percent
    for item in gate_list(opened, "real"):
        shown = preview(opened, "real", None, item.name, get_gates(opened, "real"), examples=2)
        assert shown.n_in > 0.75 * (shown.n_in + shown.n_out)


def test_masks_of_the_instrument_are_the_objects_that_are_measured(opened, shared):
    import_study(opened, [shared / "data/cif/example.cif"], "masks")
    study = opened.catalogue.study("masks")
    table = quality_table(opened, "masks", study.samples[0].name)
    key = opened.catalogue.sample_keys(study.study_id)[study.samples[0].name]
    with CellFile(opened.folder.cells_path(study.study_id, key)) as cells:
        masks = cells.masks(range(len(cells)), study.channel)
    areas = np.array([0 if mask is None else np.count_nonzero(mask) for mask in masks])
    assert (areas > 0).all()
    # Holes are filled and specks beside the cell left away.
    assert np.median(np.abs(table["area_px"] / areas - 1)) < 0.01


def test_the_background_that_gives_the_media_of_zhu_away_is_named(opened, shared):
    import_study(opened, [shared / "data/zhu2021/named_bmp"], "zhu")
    report = illumination_report(opened, "zhu")
    text = next(sentence for sentence in report.warnings if "background level" in sentence)
    assert "101 grey values in a and 152 in o" in text
    assert "one sample each" in text
