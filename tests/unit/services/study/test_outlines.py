"""Outlines on a contact sheet lie on the edge of the cell, found by the program or taken from the file's mask."""

from __future__ import annotations

import numpy as np
from predicted import fresh_app
from small_studies import simulated_study

from nscweb.core.cells import CellImage
from nscweb.preprocess.outline import COLOUR, draw_outline, outline_of
from nscweb.services.study.contact_sheet import contact_sheet
from nscweb.store.cell_files import CellFile, CellWriter


def disc(side: int = 40, radius: float = 9.0) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:side, :side]
    inside = np.hypot(y - side / 2, x - side / 2) < radius
    return np.where(inside, 400, 900).astype(np.uint16), inside


def test_the_outline_runs_along_the_edge():
    pixels, _ = disc()
    outline = outline_of(pixels)
    assert outline is not None
    distance = np.hypot(*(outline[:, 0].T - 20))
    assert 7.5 < distance.mean() < 11


def test_a_mask_of_the_file_goes_before_what_the_program_sees():
    pixels, _ = disc()
    _, smaller = disc(radius=4.0)
    outline = outline_of(pixels, smaller)
    assert outline is not None
    assert np.hypot(*(outline[:, 0].T - 20)).max() < 5


def test_an_even_image_has_none_and_stays_grey():
    flat = np.full((30, 30), 7, np.uint8)
    assert outline_of(flat) is None
    assert (draw_outline(flat, None) == 7).all()


def test_a_contact_sheet_shows_outlines_when_asked(tmp_path):
    app = fresh_app(tmp_path)
    study = simulated_study(app, cells=24)
    plain = contact_sheet(app, study.name, study.samples[0].name, 2)
    drawn = contact_sheet(app, study.name, study.samples[0].name, 2, outlines=True)
    assert plain.images[0].ndim == 2
    assert drawn.images[0].shape == (*plain.images[0].shape, 3)
    assert (drawn.images[0] == COLOUR).all(axis=2).any()
    assert not drawn.masks_from_file


def test_masks_come_back_as_they_were_stored(tmp_path):
    pixels, inside = disc(side=37)
    with CellWriter(tmp_path / "cells.arrow", ["Ch1", "Ch2"], masks=True) as writer:
        writer.add(CellImage(1, ("Ch1", "Ch2"), np.stack([pixels] * 2), masks=np.stack([inside, ~inside])))
        writer.add(CellImage(2, ("Ch2",), pixels[None]))
    with CellFile(tmp_path / "cells.arrow") as cells:
        assert cells.has_masks
        first, second = cells.masks([0, 1], "Ch2")
        assert np.array_equal(first, ~inside)
        assert second is None
        assert np.array_equal(cells.masks([0], "Ch1")[0], inside)
