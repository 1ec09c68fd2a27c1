"""`nscweb tune`: settings that `nscweb train --settings` takes, one JSON object for scripts, refusals in a line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nscweb.cli.main import app

SMALL = ["--set", 'options={"width": 8, "depth": 1}', "--set", "precision=float32", "--device", "cpu"]


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.stdout, result.stderr


def test_a_search_ends_in_settings_that_train_takes(tmp_path: Path) -> None:
    data, out = str(tmp_path / "data"), tmp_path / "search"
    words = ("--simulated", "72", "--data-dir", data, *SMALL, "--epochs", "1")
    search = ("tune", "--out", str(out), "--trials", "2", *words)
    code, said, errors = run(*search, "--json")
    assert code == 0, errors
    told = json.loads(said)
    assert told["trials"] == 2 and told["validation_loss"] <= told["validation_loss_of_default_settings"]
    assert json.loads((out / "best.json").read_text("utf-8")) == told["settings"]
    code, said, _ = run(*search)  # nothing is left to do
    assert code == 0 and "Best of 2 trials" in said and "--settings" in said
    code, said, errors = run(
        "train", "--out", str(tmp_path / "models" / "m"), "--settings", str(out / "best.json"), *words, "--json"
    )
    assert code == 0, errors
    card = json.loads((tmp_path / "models" / "m" / "card.json").read_text("utf-8"))
    kept = card["origin"]["settings"]
    assert kept["learning_rate"] == told["settings"]["learning_rate"]
    assert kept["augment"] == {**kept["augment"], **told["settings"]["augment"]}


@pytest.mark.parametrize(
    "words", [("--sampler", "grid", "--simulated", "9"), ("--architecture", "none", "--simulated", "9"), ()]
)
def test_what_makes_no_sense_is_wrong_use(tmp_path: Path, words: tuple[str, ...]) -> None:
    code, _, errors = run("tune", "--out", str(tmp_path / "s"), "--data-dir", str(tmp_path), *words)
    assert code == 2 and errors.startswith("nscweb: ") and "Traceback" not in errors
