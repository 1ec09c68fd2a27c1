"""Cross-validation and the gap between splits stand in the card of a new model."""

from __future__ import annotations

from predicted import fresh_app
from small_studies import simulated_study

from nscweb.services.train.request import TrainRequest
from nscweb.services.train.train import train_model


def test_folds_and_the_gap_between_splits_go_into_the_card(tmp_path):
    app = fresh_app(tmp_path)
    simulated_study(app, "training", cells=144, seed=3, replicates=3)
    request = TrainRequest(
        ("training",),
        "compact",
        tmp_path / "models" / "mine",
        epochs=1,
        checks=False,
        split_by="replicate",
        folds=0,
        compare_splits=True,
        settings={"batch": 32},
    )
    card = train_model(app, request).card
    found = card.performance.curves["cross_validation"]
    assert found["by"] == "replicate"
    assert sum(row["cells"] for row in found["rows"]) == 144
    assert sum(map(sum, found["confusion"])) == 144
    assert "replicate" in found["summary"]["sentence"] or "fold" in found["summary"]["sentence"]
    assert card.audit["gap"]["by"] == "replicate"
    assert "when cells are split at random" in card.audit["gap"]["sentence"]
    assert not (app.settings.data_dir / "training" / "mine-again").exists()
