"""Quick look: scores, maps and warnings of a few dropped images, without a study."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from predicted import fresh_app, predicted
from random_models import write_random_model

from nscweb.core.errors import ModelError, ModelNotFound
from nscweb.core.recipe import InputRecipe
from nscweb.services.cells.quick_look import MAX_FILES, look
from nscweb.simulation.labelled_cells import iter_labelled_cells
from nscweb.simulation.small_tiff import tiff_bytes


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _cells(count: int) -> list[np.ndarray]:
    return [cell.pixels[0] for cell in iter_labelled_cells(3, count, replicates=1)]


def test_each_image_gets_scores_a_map_and_a_picture_in_the_order_given():
    files = [(f"cell{i}.png", _png(pixels)) for i, pixels in enumerate(_cells(3))]
    found = look(predicted().app, files, "random")
    assert [item.name for item in found.results] == ["cell0.png", "cell1.png", "cell2.png"]
    for item, pixels in zip(found.results, _cells(3), strict=True):
        assert sum(item.scores.values()) == pytest.approx(1, abs=1e-5)
        assert item.confidence == max(item.scores.values()) == item.scores[item.predicted]
        assert item.map.shape == item.image.shape == pixels.shape
        assert item.overlay.shape == (*pixels.shape, 3)
    assert any("trained on simulated cells" in sentence for sentence in found.warnings)
    assert found.model == "random"


def test_unreadable_files_become_findings_and_the_rest_is_kept():
    good = _png(_cells(1)[0])
    bad = [("broken.tif", b"II*\x00garbage"), ("text.txt", b"hello there, this is text"), ("empty.png", b"")]
    found = look(predicted().app, [*bad, ("good.png", good)], "random")
    assert [item.name for item in found.results] == ["good.png"]
    assert {item.where for item in found.findings if item.level == "skip"} == {name for name, _ in bad}
    nothing = look(predicted().app, bad, "random")
    assert nothing.results == ()
    assert len(nothing.findings) == 3


def test_of_several_channels_of_a_cell_only_brightfield_is_taken():
    bright = _cells(1)[0]
    dark = np.zeros_like(bright)
    dark[20:30, 20:30] = 200
    files = [("RA_7_Ch2.ome.tif", tiff_bytes(dark, "Ch2")), ("RA_7_Ch1.ome.tif", tiff_bytes(bright, "Ch1"))]
    found = look(predicted().app, files, "random")
    assert [item.name for item in found.results] == ["RA_7_Ch1.ome.tif"]
    assert any(item.code == "N-QUICK-OTHER-CHANNEL" for item in found.findings)


def test_simulated_images_are_called_simulated():
    found = look(predicted().app, [("a.tif", tiff_bytes(_cells(1)[0], "Ch1"))], "random")
    assert "simulated" in found.warnings[0]


def test_too_many_files_are_cut_and_said():
    data = _png(_cells(1)[0])
    found = look(predicted().app, [(f"{i}.png", data) for i in range(MAX_FILES + 3)], "random")
    assert len(found.results) == MAX_FILES
    assert any(item.code == "N-QUICK-MANY" and "3 images" in item.where for item in found.findings)


def test_unknown_models_and_models_of_several_channels_are_refused(tmp_path):
    with pytest.raises(ModelNotFound):
        look(predicted().app, [("a.png", _png(_cells(1)[0]))], "nothing")
    app = fresh_app(tmp_path)
    recipe = InputRecipe(channels=("brightfield", "Ch2"), field_px=(40, 40), resize=(32, 32))
    write_random_model(tmp_path / "models" / "two", recipe=recipe)
    with pytest.raises(ModelError, match="2 channels"):
        look(app, [("a.png", _png(_cells(1)[0]))], "two")


def test_the_real_images_are_read(shared):
    folder = shared / "data" / "ideas_ometif"
    files = [(path.name, path.read_bytes()) for path in sorted(folder.glob("*.ome.tif"))[:6]]
    found = look(predicted().app, files, "random")
    assert len(found.results) == 2
    assert all("Ch1" in item.name for item in found.results)
