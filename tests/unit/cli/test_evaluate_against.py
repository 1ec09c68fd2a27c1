"""`nscweb evaluate --against`: a second model on the same cells, on the screen and as files."""

from __future__ import annotations

import json

from random_models import write_random_model
from small_studies import simulated_study
from typer.testing import CliRunner

from nscweb.cli.main import app
from nscweb.services.context import open_app
from nscweb.settings import Settings


def test_evaluate_against_a_model_and_a_run(tmp_path):
    opened = open_app(Settings.from_environment({}, tmp_path / "data"))
    write_random_model(tmp_path / "data" / "models" / "one")
    write_random_model(tmp_path / "data" / "models" / "two", seed=3)
    study = simulated_study(opened, cells=60)
    out = tmp_path / "out"
    words = ["evaluate", study.name, "--model", "one", "--against", "two", "--data-dir", str(tmp_path / "data")]
    result = CliRunner().invoke(app, [*words, "--out", str(out), "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["against"]
    assert found == json.loads((out / "comparison.json").read_text("utf-8"))
    assert (found["first"]["model"], found["second"]["model"]) == ("one", "two")
    wanted = {"differences.csv", "mcnemar.csv", "disagreements.csv", "curve_bands.csv", "metrics_by_time.csv"}
    assert wanted <= {path.name for path in out.iterdir()}
    words[words.index("two")] = found["second"]["run"]
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 0 and found["sentence"] in again.stdout
    words[words.index("--against") + 1] = found["first"]["run"]
    same = CliRunner().invoke(app, words)
    assert same.exit_code == 2 and "itself" in same.output
