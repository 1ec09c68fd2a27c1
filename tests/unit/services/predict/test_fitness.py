"""Is a sample unlike the training data: judged by share and chance, said in a sentence with numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from asked import predict_study
from predicted import fresh_app
from random_models import write_random_model
from small_studies import add_study, simulated_study

from nscweb.core.samples import Sample
from nscweb.services.predict.fitness import (
    fitness_warnings,
    measure_fitness,
    model_warnings,
    spread_rows,
    study_fitness,
)
from nscweb.simulation.labelled_cells import iter_labelled_cells


def _distances(far: int, cells: int) -> dict[str, np.ndarray]:
    return {"input": np.r_[np.full(far, 2.0), np.full(cells - far, 0.5)]}


def test_usual_cells_give_no_warning_and_unusual_ones_a_sentence_with_numbers():
    assert not measure_fitness(_distances(5, 100), "a").unlike
    assert not measure_fitness(_distances(18, 100), "a").unlike
    found = measure_fitness(_distances(60, 100), "a")
    assert found.unlike
    assert '"a"' in found.sentence
    assert "60 of 100" in found.sentence
    assert "5 % expected" in found.sentence


def test_few_cells_need_more_evidence():
    assert not measure_fitness(_distances(1, 1)).unlike
    assert not measure_fitness(_distances(2, 4)).unlike
    assert measure_fitness(_distances(6, 12)).unlike


def test_the_kind_of_distance_that_shows_most_is_reported():
    found = measure_fitness({"embedding": np.full(50, 0.5), "input": np.full(50, 3.0)}, "s")
    assert (found.kind, found.unlike) == ("input", True)
    assert measure_fitness({}, "s") is None
    assert measure_fitness({"input": np.zeros(0)}, "s") is None


def test_chance_alone_rarely_gives_a_warning():
    rng = np.random.default_rng(0)
    alarms = sum(measure_fitness({"input": rng.uniform(0, 1 / 0.95, 200)}).unlike for _ in range(500))
    assert alarms == 0


def test_samples_of_one_cell_each_are_judged_together():
    parts = [_distances(1, 1) for _ in range(12)]
    assert fitness_warnings([measure_fitness(part, str(i)) for i, part in enumerate(parts)]) == []
    assert study_fitness(parts).unlike


def test_many_unlike_samples_become_one_sentence():
    measured = [measure_fitness(_distances(50, 100), f"s{i}") for i in range(5)]
    (sentence,) = fitness_warnings(measured)
    assert "5 of 5 samples" in sentence
    assert "250 of 500" in sentence
    assert "s0, s1, s2, …" in sentence


def test_flagged_cells_are_not_looked_at_unless_there_are_no_others():
    flags = np.array([0, 2, 0, 8, 0])
    assert spread_rows(flags).tolist() == [0, 2, 4]
    assert spread_rows(np.full(3, 8)).tolist() == [0, 1, 2]
    assert spread_rows(np.zeros(0, np.int64)).tolist() == []
    assert len(spread_rows(np.zeros(5000, np.int64))) == 400


def test_noise_images_are_called_unlike_and_cells_of_the_simulator_are_not(tmp_path):
    app = fresh_app(tmp_path)
    known = [cell.pixels for cell in iter_labelled_cells(11, 900)]
    write_random_model(tmp_path / "models" / "described", describes=known)
    fresh = predict_study(app, simulated_study(app, "fresh", cells=300, seed=12).name, "described")
    assert sum(item["unlike"] for item in fresh.extra["fitness"]) <= 1
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (1, 45, 60)).astype(np.uint8) for _ in range(30)]
    strange = predict_study(app, add_study(app, "noise", [(Sample("noise"), noise)], simulated=False).name, "described")
    assert any("unlike the training data" in sentence for sentence in strange.provenance.warnings)


def test_the_mark_of_a_card_stands_beside_every_result(tmp_path):
    card = write_random_model(tmp_path / "marked").card
    assert not any("is marked" in sentence for sentence in model_warnings(card))
    marked = replace(card, mark="published, illumination shortcut not excluded")
    assert "is marked: published, illumination shortcut not excluded." in model_warnings(marked)[0]
