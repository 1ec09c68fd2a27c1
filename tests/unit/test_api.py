"""The Python API: its notebook runs, and its tables are those of pages, command line and files."""

from __future__ import annotations

import inspect
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from asked import predict_study
from random_models import write_random_model
from small_studies import simulated_study

from nscweb import api
from nscweb.core.card import read_card
from nscweb.core.errors import NscwebError, StudyNotFound, WrongUse
from nscweb.services.compare.comparison import comparison
from nscweb.services.context import open_app
from nscweb.services.fetch.model_packing import pack_model
from nscweb.services.report.export import tables
from nscweb.settings import Settings

STUDY, MODEL = "Small (simulated)", "random"


@pytest.fixture(scope="module")
def walked(project: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the notebook leaves behind: its code cells, one after the other, in this process."""
    notebook = json.loads((project / "docs" / "api.ipynb").read_text("utf-8"))
    left: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("notebook")))
        patch.setenv("NSCWEB_THREADS", "1")
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                exec(compile("".join(cell["source"]), cell["id"], "exec"), left)
    return left


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a predicted study."""
    folder = tmp_path_factory.mktemp("api") / "data"
    app = open_app(Settings.from_environment({"NSCWEB_THREADS": "1"}, folder))
    write_random_model(folder / "models" / MODEL)
    predict_study(app, simulated_study(app, STUDY, cells=240).study_id, MODEL)
    app.catalogue.close()
    return folder


def files_of(data: Path) -> tuple[dict[str, pd.DataFrame], Any]:
    app = open_app(Settings.from_environment({"NSCWEB_THREADS": "1"}, data))
    run = app.catalogue.runs(app.catalogue.study(STUDY).study_id)[0]
    found = {name: pd.read_csv(io.BytesIO(raw)) for name, raw in tables(app, run).items() if name.endswith(".csv")}
    compared = comparison(app, run)
    app.catalogue.close()
    return found, compared


def as_file(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(frame.to_csv(index=False)))


def test_the_notebook_runs_and_calls_its_cells_simulated(walked: dict[str, Any]) -> None:
    assert len(walked["screen"]) > 10 and walked["screen"].attrs["imported"] == 1500
    cells = walked["cells"]
    assert len(cells) == 1500 and set(cells["simulated"]) == {"yes"} and cells.attrs["simulated"] is True
    scores = cells[[f"{name}_score" for name in cells.attrs["classes"]]].to_numpy(float)
    assert np.allclose(scores.sum(axis=1), 1, atol=1e-3)
    for name in ("groups", "tests"):
        assert len(walked[name]) and set(walked[name]["simulated"]) == {"yes"}
        assert walked[name].attrs["sentences"]
    figures = walked["figures"]
    assert "accuracy" in set(figures["figure"]) and figures["value"].between(0, 1).all()
    assert any("simulated" in limit for limit in figures.attrs["limits"])
    maps = walked["maps"]
    assert len(maps) == 6 and all(row["image"].shape == row["class_map"].shape for _, row in maps.iterrows())
    assert all(item.min() >= 0 and item.max() <= 1 and item.dtype == np.float32 for item in maps["class_map"])


def test_a_model_that_was_trained_goes_whole_to_a_colleague(walked: dict[str, Any], tmp_path: Path) -> None:
    entry = read_card(Path(walked["figures"].attrs["folder"]))
    assert (entry.folder / "seen.npz").is_file()
    app = open_app(Settings.from_environment({}, tmp_path / "data"))
    assert pack_model(app, str(entry.folder), tmp_path / "a.zip").left_out == ()
    command = entry.card.origin.command
    assert command == "nscweb.api.train(['Pure (simulated)'], 'trial', epochs=1, checks=False)"


def test_the_notebook_has_no_outputs_and_no_paths_of_a_machine(project: Path) -> None:
    text = (project / "docs" / "api.ipynb").read_text("utf-8")
    notebook = json.loads(text)
    assert notebook["nbformat"] == 4 and len(text) < 10_000
    for cell in notebook["cells"]:
        assert cell.get("outputs", []) == [] and cell.get("execution_count") is None
    assert not [word for word in ("/home", "/tmp", "/Users", "C:\\\\", "/work") if word in text]
    assert "All cells in this notebook are simulated" in text


@pytest.mark.parametrize("level", ["samples", "groups", "tests"])
def test_ratios_are_those_of_the_files(data: Path, level: str) -> None:
    files, compared = files_of(data)
    frame = api.ratios(STUDY, level=level, data_dir=data)
    pd.testing.assert_frame_equal(as_file(frame), files[f"{level}.csv"])
    assert frame.attrs["sentences"] == list(compared.sentences)
    assert frame.attrs["warnings"] == list(compared.data.warnings)


def test_a_prediction_is_the_file_of_cells(data: Path) -> None:
    frame = api.predict(STUDY, MODEL, data_dir=data)
    files, compared = files_of(data)
    pd.testing.assert_frame_equal(as_file(frame), files["cells.csv"])
    assert frame.attrs["run"] == compared.run.run_id and frame.attrs["model"] == MODEL


@pytest.mark.parametrize("class_name", ["predicted", "neuron"])
def test_maps_name_their_class_and_cell(data: Path, class_name: str) -> None:
    frame = api.explain(STUDY, MODEL, cells=4, class_name=class_name, data_dir=data)
    wanted = frame["predicted_class"] if class_name == "predicted" else ["neuron"] * 4
    assert list(frame["explained"]) == list(wanted) and frame["cell_id"].is_unique and len(frame) == 4
    assert frame.attrs["method"] in ("closed-form", "grad-cam") and frame.attrs["simulated"] is True


def test_what_cannot_be_done_is_told(data: Path, tmp_path: Path) -> None:
    cases: list[tuple[Any, type[NscwebError], str]] = [
        (lambda: api.import_study(tmp_path / "gone.zip", "x", data_dir=data), WrongUse, "There is no file or folder"),
        (lambda: api.import_study([], "x", data_dir=data), WrongUse, "No file or folder"),
        (lambda: api.predict("nothing", MODEL, data_dir=data), StudyNotFound, "nothing"),
        (lambda: api.predict(STUDY, "nothing", data_dir=data), NscwebError, "no model called nothing"),
        (lambda: api.ratios("nothing", data_dir=data), StudyNotFound, "nothing"),
        (lambda: api.ratios(STUDY, level="cells", data_dir=data), WrongUse, "samples, groups, tests"),  # type: ignore[arg-type]
        (lambda: api.ratios(STUDY, control="nobody", data_dir=data), WrongUse, "nobody"),
        (lambda: api.ratios(STUDY, fate="glia", data_dir=data), WrongUse, "glia"),
        (lambda: api.train([], tmp_path / "m", data_dir=data), WrongUse, "studies with true classes"),
        (lambda: api.train(STUDY, tmp_path / "a b", data_dir=data), WrongUse, "a b"),
        (lambda: api.explain(STUDY, MODEL, cells=0, data_dir=data), WrongUse, "At least one cell"),
        (lambda: api.explain(STUDY, MODEL, method="guess", data_dir=data), WrongUse, "guess"),
    ]
    for call, kind, said in cases:
        with pytest.raises(kind, match=said):
            call()


def test_a_study_without_a_run_and_a_run_of_another_study(data: Path) -> None:
    app = open_app(Settings.from_environment({"NSCWEB_THREADS": "1"}, data))
    simulated_study(app, "Not predicted (simulated)", cells=60)
    app.catalogue.close()
    run = api.ratios(STUDY, data_dir=data).attrs["run"]
    with pytest.raises(WrongUse, match="has no prediction yet"):
        api.ratios("Not predicted (simulated)", data_dir=data)
    with pytest.raises(WrongUse, match="is not one of the study"):
        api.ratios("Not predicted (simulated)", run=run, data_dir=data)


@pytest.mark.parametrize("name", api.__all__)
def test_every_argument_is_typed_and_explained(name: str) -> None:
    function = getattr(api, name)
    said = inspect.getdoc(function) or ""
    assert "Args:" in said and "Returns:" in said and "Raises:" in said and "attrs" in said
    for argument in inspect.signature(function).parameters.values():
        assert argument.annotation is not inspect.Parameter.empty and argument.name in said, argument.name
    assert len(api.__all__) == 5
