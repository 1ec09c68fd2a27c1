"""Exports are made, kept in the card and taken for predictions; explanations refuse networks without places."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from asked import predict_study
from random_models import write_random_model
from small_studies import simulated_study

from nscweb.core import rules
from nscweb.core.card import CardEntry, read_card
from nscweb.core.errors import WeightsInvalid, WrongUse
from nscweb.core.progress import no_progress
from nscweb.core.recipe import InputRecipe
from nscweb.inference.fast_check import CHECK_FILE, FastCheck, keep_check
from nscweb.services.cells.explain import explain
from nscweb.services.context import App
from nscweb.services.predict import fast_here, model_exports
from nscweb.services.predict.fast_here import NO_CELLS, NOT_MEASURED, fast_mode, measure_fast, speeds_path
from nscweb.services.predict.model_exports import check_cells, complete_exports, fast_mode_sentence
from nscweb.services.predict.runs import prediction_table
from nscweb.services.report import rerun
from nscweb.simulation.labelled_cells import iter_labelled_cells


@pytest.fixture(autouse=True, scope="module")
def few_cells():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_exports, "CALIBRATION_CELLS", 300)
        patch.setattr(model_exports, "CHECK_CELLS", 400)
        # How well an 8-bit network of random weights answers is luck.
        patch.setattr(rules, "FAST_LEAST_AGREEMENT", 0.0)
        patch.setattr(rules, "FAST_LARGEST_RATIO_SHIFT", 1.0)
        patch.setattr(rules, "FAST_MOST_SECOND_LOOKS", 1.0)
        yield


@pytest.fixture(scope="module")
def made(few_cells, tmp_path_factory) -> CardEntry:
    return complete_exports(None, write_random_model(tmp_path_factory.mktemp("models") / "quick"))


@pytest.fixture
def quick(made, tmp_path) -> CardEntry:
    """A model with both forms, in a folder of its own."""
    return read_card(Path(shutil.copytree(made.folder, tmp_path / "quick")))


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
    assert check_cells(done) is None
    cells = [cell.pixels for cell in iter_labelled_cells(8, 700, replicates=1)]
    mixed = [cells[index] for index in np.random.default_rng(0).permutation(len(cells))]
    assert set(complete_exports(None, done, mixed[:300], mixed[300:]).card.exports) == {"onnx", "fast"}
    kept = check_cells(done)
    assert kept is not None and kept.shape == (400, *done.card.input_shape)
    # A later check that fails takes the fast form away again.
    refused = complete_exports(None, read_card(entry.folder), mixed[:10], mixed[10:20])
    assert set(refused.card.exports) == {"onnx"}
    assert not (entry.folder / "model.int8.onnx").exists() and not (entry.folder / CHECK_FILE).exists()
    assert "10 cells" in fast_mode_sentence(refused)[1]


def measured_here(app: App, entry: CardEntry, speedup: float) -> None:
    """As if fast mode had been measured on this machine."""
    reason = "" if speedup >= rules.FAST_LEAST_SPEEDUP else f"On this machine it is {speedup} times as quick."
    check = FastCheck(2000, 0.999, 0.001, speedup=speedup, reason=reason)
    keep_check(speeds_path(app), entry, app.settings.threads, check)


def test_fast_mode_is_measured_once_on_a_machine_before_it_is_offered(opened, quick, monkeypatch):
    entry = quick
    known = fast_mode(opened, entry)
    assert (known.offered, known.to_measure, known.sentence) == (False, True, NOT_MEASURED)
    ticks = iter(range(10_000))
    found = measure_fast(opened, entry, timer=lambda: float(next(ticks)))
    # By this clock every pass takes a second, so both modes are alike.
    assert not found.offered and "1.00 times as quick" in found.sentence
    monkeypatch.setattr(fast_here, "check_cells", lambda entry: pytest.fail("measured again"))
    assert measure_fast(opened, entry) == fast_mode(opened, entry) == found
    measured_here(opened, entry, 1.7)
    better = fast_mode(opened, str(entry.folder))
    assert better.offered and "1.7 times as quick" in better.sentence and "2,000 cells" in better.sentence


def test_without_cells_nothing_is_measured(opened, tmp_path):
    entry = write_random_model(tmp_path / "real", simulated=False)
    cells = [cell.pixels for cell in iter_labelled_cells(8, 500, replicates=1)]
    done = complete_exports(None, entry, cells[:250], cells[250:])
    (done.folder / CHECK_FILE).unlink()
    assert measure_fast(opened, done).sentence == NO_CELLS


def test_fast_mode_is_refused_where_it_was_measured_to_be_slow(opened, quick):
    study = simulated_study(opened)
    entry = quick
    measured_here(opened, entry, 1.2)
    with pytest.raises(WrongUse, match=r"On this machine it is 1\.2 times") as caught:
        predict_study(opened, study.name, str(entry.folder), device="cpu", mode="fast")
    assert caught.value.code == "E-NO-FAST-MODE"
    assert not opened.catalogue.runs(study.study_id)
    # A report in fast mode from elsewhere is made again in exact mode, and that is said.
    mode, reasons = rerun._mode(opened, entry, {"settings": {"mode": "fast"}}, "cpu", no_progress)
    assert mode == "exact" and "1.2 times" in reasons[0] and "this one in exact mode" in reasons[0]
    measured_here(opened, entry, 2.0)
    assert rerun._mode(opened, entry, {"settings": {"mode": "fast"}}, "cpu", no_progress) == ("fast", ())
    assert rerun._mode(opened, entry, {"settings": {}}, "cpu", no_progress) == ("exact", ())


def test_predictions_name_their_backend_and_fast_mode_is_its_own_run(opened, tmp_path, quick):
    study = simulated_study(opened)
    plain = write_random_model(tmp_path / "plain")
    by_torch = predict_study(opened, study.name, str(plain.folder), device="cpu")
    assert by_torch.provenance.settings["backend"].startswith("torch")
    with pytest.raises(WrongUse) as caught:
        predict_study(opened, study.name, str(plain.folder), device="cpu", mode="fast")
    assert caught.value.code == "E-NO-FAST-MODE"
    entry = quick
    measured_here(opened, entry, 2.0)
    assert fast_mode(opened, str(entry.folder)).offered
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


def test_a_network_without_places_says_that_it_has_no_maps_and_offers_occlusion(opened, tmp_path):
    study = simulated_study(opened)
    recipe = InputRecipe(field_px=(40, 40), resize=(45, 30))
    entry = write_random_model(tmp_path / "mlp", architecture="zhu2021-mlp", recipe=recipe)
    run = predict_study(opened, study.name, str(entry.folder), device="cpu")
    cells = prediction_table(opened, run)["cell_id"].head(2).tolist()
    with pytest.raises(WrongUse, match="no class maps") as caught:
        explain(opened, run, cells, method="grad-cam")
    assert caught.value.code == "E-NO-CLASS-MAPS"
    assert "occlusion" in caught.value.todo
    found = explain(opened, run, cells)
    assert [item.method for item in found] == ["occlusion"] * 2
    assert all(item.map.shape == item.cell.image.shape and 0 <= item.map.min() <= item.map.max() <= 1 for item in found)
