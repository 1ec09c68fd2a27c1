"""Exports are made, kept in the card and taken for predictions; explanations refuse networks without places."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from asked import predict_study
from random_models import write_random_model
from small_studies import simulated_study

from nscweb.core.card import read_card
from nscweb.core.errors import WeightsInvalid, WrongUse
from nscweb.core.recipe import InputRecipe
from nscweb.inference import fast_mode
from nscweb.services.cells.explain import explain
from nscweb.services.predict import model_exports
from nscweb.services.predict.model_exports import complete_exports, fast_mode_sentence
from nscweb.services.predict.predict import fast_mode_offered
from nscweb.services.predict.runs import prediction_table
from nscweb.simulation.labelled_cells import iter_labelled_cells


@pytest.fixture(autouse=True)
def few_cells(monkeypatch):
    monkeypatch.setattr(model_exports, "CALIBRATION_CELLS", 300)
    monkeypatch.setattr(model_exports, "CHECK_CELLS", 400)
    monkeypatch.setattr(fast_mode, "MOST_SECOND_LOOKS", 0.99)


def test_a_simulated_model_gets_both_forms_and_keeps_the_rest_of_its_card(tmp_path):
    entry = write_random_model(tmp_path / "random")
    path = entry.folder / "card.json"
    other = json.loads(path.read_text("utf-8"))
    other["mark"] = "written meanwhile"
    path.write_text(json.dumps(other), "utf-8")
    steps: list[str] = []
    done = complete_exports(None, entry, progress=lambda *step: steps.append(step[2]))
    assert set(done.card.exports) == {"onnx", "fast"}
    assert done.card.mark == "written meanwhile"
    assert done.card.origin.settings["fast_mode"]["passed"] is True
    for record in done.card.exports.values():
        data = (done.folder / record["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == record["sha256"]
    offered, sentence = fast_mode_sentence(read_card(entry.folder))
    assert offered
    assert "400 cells" in sentence
    assert steps[-1] == sentence
    again = complete_exports(None, done)
    assert again.card.exports["onnx"]["sha256"] == done.card.exports["onnx"]["sha256"]


def test_a_model_of_real_cells_gets_a_fast_form_only_from_cells(tmp_path):
    entry = write_random_model(tmp_path / "real", simulated=False)
    done = complete_exports(None, entry)
    assert set(done.card.exports) == {"onnx"}
    assert fast_mode_sentence(done) == (False, "No cells were given to check the fast mode with.")
    cells = [cell.pixels for cell in iter_labelled_cells(8, 700, replicates=1)]
    mixed = [cells[index] for index in np.random.default_rng(0).permutation(len(cells))]
    assert set(complete_exports(None, done, mixed[:300], mixed[300:]).card.exports) == {"onnx", "fast"}
    # A later check that fails takes the fast form away again.
    refused = complete_exports(None, read_card(entry.folder), mixed[:10], mixed[10:20])
    assert set(refused.card.exports) == {"onnx"}
    assert not (entry.folder / "model.int8.onnx").exists()
    assert "10 cells" in fast_mode_sentence(refused)[1]


def test_predictions_name_their_backend_and_fast_mode_is_its_own_run(opened, tmp_path):
    study = simulated_study(opened)
    plain = write_random_model(tmp_path / "plain")
    by_torch = predict_study(opened, study.name, str(plain.folder), device="cpu")
    assert by_torch.provenance.settings["backend"].startswith("torch")
    with pytest.raises(WrongUse) as caught:
        predict_study(opened, study.name, str(plain.folder), device="cpu", mode="fast")
    assert caught.value.code == "E-NO-FAST-MODE"
    entry = write_random_model(tmp_path / "quick", seed=0)
    complete_exports(opened, entry)
    assert fast_mode_offered(opened, str(entry.folder))[0]
    exact = predict_study(opened, study.name, str(entry.folder), device="cpu")
    fast = predict_study(opened, study.name, str(entry.folder), device="cpu", mode="fast")
    assert exact.run_id != fast.run_id
    settings = [run.provenance.settings for run in (exact, fast)]
    assert [item["mode"] for item in settings] == ["exact", "fast"]
    assert all(item["backend"].startswith("ONNX Runtime") for item in settings)
    assert all(item["threads"] >= 1 and item["batch"] >= 1 for item in settings)
    tables = [prediction_table(opened, run) for run in (by_torch, exact, fast)]
    columns = [name for name in tables[0].columns if name.startswith("p_")]
    assert np.abs(tables[0][columns].to_numpy() - tables[1][columns].to_numpy()).max() < 1e-4
    assert np.mean(tables[1]["predicted"].astype(str) == tables[2]["predicted"].astype(str)) > 0.9
    damaged = entry.folder / "model.onnx"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(WeightsInvalid):
        predict_study(opened, study.name, str(entry.folder), device="cpu", mode="fast")


def test_a_network_without_places_says_that_it_has_no_maps(opened, tmp_path):
    study = simulated_study(opened)
    recipe = InputRecipe(field_px=(40, 40), resize=(45, 30))
    entry = write_random_model(tmp_path / "mlp", architecture="zhu2021-mlp", recipe=recipe)
    run = predict_study(opened, study.name, str(entry.folder), device="cpu")
    cells = prediction_table(opened, run)["cell_id"].head(2).tolist()
    with pytest.raises(WrongUse, match="no class maps") as caught:
        explain(opened, run, cells)
    assert caught.value.code == "E-NO-CLASS-MAPS"
