"""Training from studies: a complete card folder, the cells it was shown are remembered, refusals say what to do."""

from __future__ import annotations

import numpy as np
import pytest
from asked import predict_study
from predicted import fresh_app
from rounding import score_rounding
from small_studies import add_study, simulated_study

from nscweb.core.errors import InputRefused, StudyError, WrongUse
from nscweb.core.samples import Sample
from nscweb.inference.familiarity import relative_distances
from nscweb.models.loading import load_model, replay_example
from nscweb.services.evaluate.evaluate import evaluate_run
from nscweb.services.train.request import TrainRequest
from nscweb.services.train.train import train_model


def test_a_model_from_a_study_is_complete_and_remembers_the_cells_it_was_shown(tmp_path):
    app = fresh_app(tmp_path)
    study = simulated_study(app, "training", cells=360, seed=3, replicates=4)
    request = TrainRequest(
        ("training",), "compact", tmp_path / "models" / "mine", epochs=1, folds=1, command="nscweb train x"
    )
    steps: list[str] = []
    entry = train_model(app, request, progress=lambda done, total, step="": steps.append(step))
    card = entry.card
    assert card.name == "mine"
    assert card.classes.names == ("astrocyte", "neuron", "oligodendrocyte")
    assert card.origin.simulated
    assert card.origin.command == "nscweb train x"
    assert "By sample" in card.origin.split
    assert card.performance.metric("accuracy") is not None
    assert replay_example(entry).largest_difference < score_rounding(load_model(entry))
    assert set(card.exports) >= {"onnx"}
    assert isinstance(card.audit["passed"], bool)
    assert card.audit["duplicates"]["exact"] == 0
    assert len(card.robustness) > 5
    assert (entry.folder / "seen.npz").is_file()
    digests = card.origin.settings["training_cells_sha256"]
    assert 0 < len(digests) < len(study.samples)
    assert any("Preparing" in step for step in steps)
    run = predict_study(app, "training", "mine")
    warned = evaluate_run(app, run).warnings
    assert any(f"{len(digests)} of {len(study.samples)} samples" in sentence for sentence in warned)
    simulated_study(app, "other", cells=60, seed=8)
    clean = evaluate_run(app, predict_study(app, "other", "mine")).warnings
    assert not any("used to train" in sentence for sentence in clean)


def test_a_folder_per_class_is_split_by_cell_and_says_so(tmp_path):
    app = fresh_app(tmp_path)
    rng = np.random.default_rng(0)

    def images(level: int) -> list[np.ndarray]:
        made = rng.normal(1000, 20, (160, 1, 40, 40))
        made[:, :, 12:28, 12:28] += level * rng.uniform(0.5, 1.5, (160, 1, 16, 16))
        return list(np.clip(made, 0, 4095).astype(np.uint16))

    samples = [(Sample(name, true_class=name), images(level)) for name, level in (("G1", 120), ("S", -300))]
    add_study(app, "folders", samples, simulated=False)
    request = TrainRequest(("folders",), "compact", tmp_path / "models" / "cycle", epochs=2, folds=1, checks=False)
    entry = train_model(app, request)
    assert entry.card.classes.names == ("G1", "S")
    assert not entry.card.origin.simulated
    assert entry.card.recipe.field_px == (40, 40)
    assert "By cell" in entry.card.origin.split
    assert any("same acquisitions" in line for line in entry.card.limits)
    result = evaluate_run(app, predict_study(app, "folders", "cycle"))
    assert any("2 of 2 samples" in sentence for sentence in result.warnings)
    assert result.mark.startswith("Scored on training cells (8")
    with pytest.raises(StudyError, match="were used to train the model cycle") as refused:
        evaluate_run(app, predict_study(app, "folders", "cycle"), even_if_trained_on=False)
    assert refused.value.code == "E-TRAINED-ON-IT"


def test_simulated_cells_give_a_model_that_knows_usual_cells(tmp_path):
    app = fresh_app(tmp_path)
    request = TrainRequest(
        (), "compact", tmp_path / "models" / "sim", epochs=1, simulated=1440, seed=1, folds=1, checks=False
    )
    entry = train_model(app, request)
    assert entry.card.origin.simulated
    assert any("simulated" in line for line in entry.card.limits)
    from nscweb.inference.classifier import Classifier

    noise = [np.random.default_rng(i).integers(0, 255, (1, 45, 60)).astype(np.uint8) for i in range(4)]
    distances = relative_distances(Classifier(entry, threads=1), noise)
    assert set(distances) == {"embedding", "input"}
    assert (distances["input"] > 1).all()


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"architecture": "nothing"}, "architecture"),
        ({"studies": ()}, "either studies"),
        ({"simulated": 10}, "either studies"),
        ({"epochs": 0}, "epochs"),
    ],
)
def test_requests_that_make_no_sense_are_refused_before_any_cell_is_read(tmp_path, changes, match):
    app = fresh_app(tmp_path)
    values = {"studies": ("x",), "architecture": "compact", "out": tmp_path / "models" / "mine", **changes}
    with pytest.raises(WrongUse, match=match):
        train_model(app, TrainRequest(**values))


def test_a_study_without_true_classes_cannot_train(tmp_path):
    app = fresh_app(tmp_path)
    simulated_study(app, "unlabelled", cells=36, truth=False)
    with pytest.raises((WrongUse, InputRefused), match="class"):
        train_model(app, TrainRequest(("unlabelled",), "compact", tmp_path / "models" / "mine"))


def test_a_model_that_is_there_is_not_overwritten(tmp_path):
    app = fresh_app(tmp_path)
    simulated_study(app, "training", cells=36)
    with pytest.raises(WrongUse, match="already"):
        train_model(app, TrainRequest(("training",), "compact", tmp_path / "models" / "random"))
