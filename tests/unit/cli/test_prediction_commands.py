"""predict, evaluate, explain, train, models list: one JSON object, files, exit codes, never a traceback."""

from __future__ import annotations

import csv
import json
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from PIL import Image
from random_models import write_random_model
from small_studies import simulated_study
from typer.testing import CliRunner, Result

from nscweb.cli.main import app
from nscweb.services.context import open_app
from nscweb.settings import Settings

STUDY = "Small (simulated)"


@lru_cache(maxsize=1)
def folder() -> Path:
    """A data folder with a simulated study and the model ``random``; tests only add runs to it."""
    root = Path(mkdtemp(prefix="nscweb-cli-"))
    opened = open_app(Settings.from_environment({}, root))
    write_random_model(root / "models" / "random")
    simulated_study(opened, STUDY)
    return root


def nscweb(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments), "--data-dir", str(folder())])


def answer(result: Result) -> dict[str, Any]:
    """The one JSON object on standard output."""
    assert len(result.stdout.strip().splitlines()) == 1, result.stdout
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


# What explains the tables, and what made them.
WITH_TABLES = ("columns.csv", "provenance.json")


def test_predict_writes_its_files_and_one_json_object(tmp_path):
    result = nscweb("predict", STUDY, "--model", "random", "--out", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.stderr
    found = answer(result)
    assert (found["study"], found["model"], found["cells"]) == (STUDY, "random", 240)
    assert found["simulated_cells"] is True
    assert found["simulated_training"] is True
    assert set(found["files"]) == {"cells.csv", "samples.csv", "groups.csv", "tests.csv", *WITH_TABLES}
    with (tmp_path / "out" / "cells.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 240
    assert {"sample", "object_number", "neuron_score", "predicted_class", "highest_score", "counted"} <= set(rows[0])


def test_predict_twice_gives_the_same_numbers(tmp_path):
    for name in ("a", "b"):
        assert nscweb("predict", STUDY, "--model", "random", "--out", tmp_path / name).exit_code == 0

    def numbers(name: str) -> list[list[str]]:
        with (tmp_path / name / "cells.csv").open(encoding="utf-8") as stream:
            return [row[:-2] for row in csv.reader(stream)]  # then come run and simulated

    assert numbers("a") == numbers("b")


def test_a_model_may_be_a_path_and_lines_are_for_people(tmp_path):
    write_random_model(tmp_path / "mine", seed=5)
    result = nscweb("predict", STUDY, "--model", tmp_path / "mine", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert "240 cells" in result.stdout
    assert "simulated" in result.stdout


def test_evaluate_writes_metrics_json_that_equals_standard_output(tmp_path):
    result = nscweb("evaluate", STUDY, "--model", "random", "--out", tmp_path, "--json")
    assert result.exit_code == 0, result.stderr
    found = answer(result)
    assert found == json.loads((tmp_path / "metrics.json").read_text("utf-8"))
    assert {"accuracy", "macro_f1", "per_class", "auc", "confusion", "by_time", "shortcuts"} <= set(found)
    assert found["accuracy"]["low"] <= found["accuracy"]["value"] <= found["accuracy"]["high"]
    assert (tmp_path / "figures.html").exists()


def test_explain_writes_one_picture_per_cell(tmp_path):
    result = nscweb("explain", STUDY, "--model", "random", "--cells", 4, "--out", tmp_path, "--json")
    assert result.exit_code == 0, result.stderr
    found = answer(result)
    assert len(found["files"]) == found["cells"] == 4
    assert found["method"] == "closed-form"
    for item in found["files"]:
        with Image.open(item["file"]) as picture:
            assert picture.width > 100
        assert f"object-{item['object_number']:06d}" in item["file"]


def test_models_list_names_the_model_and_what_it_is_made_of():
    found = answer(nscweb("models", "list", "--json"))
    mine = next(item for item in found["models"] if item["name"] == "random")
    assert mine["classes"] == ["astrocyte", "oligodendrocyte", "neuron"]
    assert mine["simulated_training"] is True
    assert len(mine["weights_sha256"]) == 64
    assert "random" in nscweb("models", "list").stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["predict", "nowhere", "--model", "random"], 1),
        (["predict", STUDY, "--model", "nothing"], 1),
        (["evaluate", "nowhere", "--model", "random"], 1),
        (["explain", STUDY, "--model", "random", "--class", "glia", "--out", "x"], 2),
        (["explain", STUDY, "--model", "random", "--method", "magic", "--out", "x"], 2),
        (["train", STUDY, "--architecture", "nothing", "--out", "x"], 2),
        (["train", "--architecture", "compact", "--out", "x"], 2),
        (["train", "nowhere", "--architecture", "compact", "--out", "x"], 1),
        (["predict", STUDY, "--model", "random", "--device", "toaster"], 2),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_an_exit_code(arguments, code):
    result = nscweb(*arguments, "--json")
    assert result.exit_code == code, result.stderr
    assert answer(result)["error"]["message"]
    assert "Traceback" not in result.stderr
    assert result.stderr.strip()


def test_wrong_options_are_exit_code_2():
    assert nscweb("predict").exit_code == 2
    assert nscweb("explain", STUDY, "--cells", "0", "--out", "x").exit_code == 2
