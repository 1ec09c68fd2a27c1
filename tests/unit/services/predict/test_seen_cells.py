"""Cells that trained a model are known again by their pixels: imported anew, shuffled, in part, under other names."""

from __future__ import annotations

import numpy as np
import pytest
from asked import predict_study
from hypothesis import given, settings
from hypothesis import strategies as st
from predicted import fresh_app
from small_studies import add_study

from nscweb.core.card import SEEN_FILE
from nscweb.core.cells import CellImage
from nscweb.core.errors import StoreError, StudyError
from nscweb.core.samples import Sample
from nscweb.services.evaluate.counts_and_curves import refuse_if_trained, trained_on, training_overlap
from nscweb.services.evaluate.evaluate import evaluate_run
from nscweb.services.predict.seen_cells import (
    fingerprint,
    fingerprints,
    overlap,
    read_seen,
    trained_fingerprints,
    write_seen,
)
from nscweb.store.cell_files import CellFile, CellWriter
from nscweb.training.data.dataset import CellFileSource, SampleLabel
from nscweb.training.splits.plan import Split


def images(count: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    made = rng.normal(1000, 30, (count, 1, 40, 40))
    made[:, :, 12:28, 12:28] -= rng.uniform(100, 400, (count, 1, 1, 1))
    return list(np.clip(made, 0, 4095).astype(np.uint16))


def two_classes(cells: list[np.ndarray], names: tuple[str, str] = ("a1", "n1")) -> list:
    half = len(cells) // 2
    return [
        (Sample(names[0], true_class="astrocyte"), cells[:half]),
        (Sample(names[1], true_class="neuron"), cells[half:]),
    ]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A data folder whose model ``random`` is taken to be trained on 80 of the first 100 cells."""
    app = fresh_app(tmp_path_factory.mktemp("seen"))
    cells = images(120, 0)
    add_study(app, "first", two_classes(cells), simulated=False)
    folder = app.settings.weights_dirs[0] / "random"
    write_seen(folder, np.asarray([fingerprint(cell[0]) for cell in cells[:80]], np.uint64))
    return app, folder, cells


def run_of(app, name, samples):
    add_study(app, name, samples, simulated=False)
    return predict_study(app, name, "random")


def test_a_fingerprint_tells_shape_depth_and_pixels_apart_and_empty_images_have_none():
    image = images(1, 3)[0][0]
    known = fingerprint(image)
    assert known == fingerprint(image.copy()) == fingerprint(np.asfortranarray(image))
    assert known == fingerprint(image.astype(">u2").astype("<u2"))
    others = [image.T, image[:, ::-1], image + 1, image.astype(np.int16), image.reshape(20, 80)]
    assert len({known, *map(fingerprint, others)}) == 6
    assert fingerprint(None) == 0
    assert fingerprint(np.full((4, 5), 791, np.uint16)) == 0
    assert fingerprint(np.zeros((0, 5), np.uint8)) == 0


@settings(max_examples=40, deadline=None)
@given(
    known=st.lists(st.integers(1, 2**64 - 1), max_size=30),
    asked=st.lists(st.integers(0, 2**64 - 1), max_size=30),
    both=st.lists(st.integers(0, 29), max_size=5),
)
def test_overlap_is_membership(tmp_path_factory, known, asked, both):
    folder = tmp_path_factory.mktemp("prints")
    said = write_seen(folder, np.asarray(known, np.uint64))
    seen = read_seen(folder)
    assert said["images"] == len(set(known)) == len(seen)
    asked += [known[index] for index in both if index < len(known)]
    found = overlap(seen, np.asarray(asked, np.uint64))
    assert found.tolist() == [value != 0 and value in set(known) for value in asked]
    pairs = np.asarray([[0, value] for value in asked], np.uint64).reshape(-1, 2)
    assert overlap(seen, pairs).tolist() == found.tolist()


def test_a_folder_without_the_list_and_a_damaged_list(tmp_path):
    assert read_seen(tmp_path) is None
    path = tmp_path / SEEN_FILE
    for content in (b"", b"PK\x03\x04half", b"\x93NUMPY"):
        path.write_bytes(content)
        with pytest.raises(StoreError, match="damaged"):
            read_seen(tmp_path)
    for array in (np.asarray([3, 1], "<u8"), np.asarray([1.0]), np.asarray([[1]], "<u8")):
        np.savez(path, seen=array)
        with pytest.raises(StoreError, match="damaged"):
            read_seen(tmp_path)


def test_the_cells_of_a_split_are_taken_in_the_order_of_training(tmp_path):
    cells = images(9, 1)
    sources = []
    for number in range(3):
        path = tmp_path / f"c{number:06}.arrow"
        with CellWriter(path, ("Ch1", "Ch2")) as writer:
            writer.add(CellImage(99, ("Ch2",), cells[0]))
            for index in range(3):
                writer.add(CellImage(index, ("Ch1",), cells[3 * number + index]))
        sources.append(CellFileSource(path, ("Ch1",), SampleLabel(f"s{number}"), "a"))
    rows = np.arange(9)
    split = Split(rows[[0, 4]], rows[[8]], rows[[1, 2, 3, 5, 6, 7]], "")
    expected = {fingerprint(cells[index][0]) for index in (0, 4, 8)}
    assert set(trained_fingerprints(sources, split).tolist()) == expected
    with pytest.raises(StoreError, match="train again"):
        trained_fingerprints(sources[:2], split)
    with CellFile(sources[0].path) as opened:
        found, whole = fingerprints(opened, ("Ch1", "Ch2"))
    assert found.shape == (4, 2)
    assert not whole.any()


def test_trained_cells_are_known_in_a_shuffled_renamed_part_of_another_study(trained):
    app, _, cells = trained
    order = np.random.default_rng(4).permutation(40)
    # 30 of the 80 trained cells, 10 that were held out, 20 of another study.
    mixed = cells[:30] + cells[100:110]
    run = run_of(app, "again", two_classes([mixed[index] for index in order] + images(20, 9), ("x", "y")))
    found = trained_on(app, run)
    assert (found.cells, found.trained, found.samples, found.by_pixels) == (60, 30, 2, True)
    (sentence,) = training_overlap(app, run)
    assert sentence.startswith("30 of 60 cells, in 2 of 2 samples of this study, were used to train")
    assert refuse_if_trained(app, run, False) == ""
    assert sentence in evaluate_run(app, run).warnings


def test_more_than_half_is_refused_unless_asked_for_and_then_marked(trained):
    app, _, _ = trained
    run = predict_study(app, "first", "random")
    with pytest.raises(StudyError, match="80 of 120 cells") as caught:
        refuse_if_trained(app, run, False)
    assert caught.value.code == "E-TRAINED-ON-IT"
    assert "--even-if-trained-on" in caught.value.todo
    assert "67 %" in refuse_if_trained(app, run, True)


def test_only_the_judged_rows_count(trained):
    from nscweb.services.predict.runs import prediction_table

    app, _, _ = trained
    run = predict_study(app, "first", "random")
    table = prediction_table(app, run)
    held_out = table[table["cell_id"].astype(str).str.endswith(tuple(f":{row}" for row in range(25, 60)))]
    held_out = held_out[held_out["true_class"].astype(str) == "neuron"]
    assert refuse_if_trained(app, run, False, held_out) == ""
    assert training_overlap(app, run, held_out) == []


def test_a_study_that_nobody_trained_on_is_clean(trained):
    app, _, _ = trained
    run = run_of(app, "clean", two_classes(images(20, 77)))
    assert training_overlap(app, run) == []
    assert refuse_if_trained(app, run, False) == ""
    assert trained_on(app, run).trained == 0


def test_a_model_that_keeps_nothing_cannot_tell(tmp_path):
    app = fresh_app(tmp_path)
    run = run_of(app, "any", two_classes(images(12, 5)))
    assert trained_on(app, run) is None
    assert training_overlap(app, run) == []
