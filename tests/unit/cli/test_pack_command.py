"""`nscweb models pack` and `nscweb models install FILE`: one file from one data folder to another."""

from __future__ import annotations

import json
from pathlib import Path

from random_models import write_random_model
from typer.testing import CliRunner

from nscweb.cli.main import app


def ask(data: Path, *words: str):
    return CliRunner().invoke(app, ["models", *words, "--data-dir", str(data)])


def test_from_one_data_folder_to_another(tmp_path: Path) -> None:
    write_random_model(tmp_path / "a" / "models" / "mine")
    done = ask(tmp_path / "a", "pack", "mine", "--out", str(tmp_path / "mine.zip"))
    assert done.exit_code == 0 and "nscweb models install mine.zip" in done.stdout
    installed = ask(tmp_path / "b", "install", str(tmp_path / "mine.zip"), "--json")
    assert installed.exit_code == 0, installed.stderr
    said = json.loads(installed.stdout)
    assert (said["name"], said["already"]) == ("mine", False)
    again = ask(tmp_path / "b", "install", str(tmp_path / "mine.zip"))
    assert again.exit_code == 0 and "installed already, with the same card and weights" in again.stdout
    listed = ask(tmp_path / "b", "list", "--json")
    assert "mine" in [model["name"] for model in json.loads(listed.stdout)["models"]]


def test_another_model_of_the_name_is_refused_with_both_ways_out(tmp_path: Path) -> None:
    write_random_model(tmp_path / "a" / "models" / "mine")
    write_random_model(tmp_path / "b" / "models" / "mine", seed=4)
    ask(tmp_path / "a", "pack", "mine", "--out", str(tmp_path / "mine.zip"))
    refused = ask(tmp_path / "b", "install", str(tmp_path / "mine.zip"))
    assert refused.exit_code == 2 and "--as NAME" in refused.stderr and "--replace" in refused.stderr
    assert ask(tmp_path / "b", "install", str(tmp_path / "mine.zip"), "--as", "mine-2").exit_code == 0
    assert ask(tmp_path / "b", "install", str(tmp_path / "mine.zip"), "--replace").exit_code == 0


def test_what_makes_no_sense_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "images.zip").write_bytes(b"hello")
    cases = {
        ("install", str(tmp_path / "gone.zip")): "There is no file",
        ("install", str(tmp_path / "images.zip")): "images.zip is no packed model",
        ("install", str(tmp_path / "images.zip"), "--list"): "are for published models",
        ("install", "zhu2021", "--replace"): "Name the file",
        ("pack", "nothing"): "There is no model called nothing",
    }
    for words, said in cases.items():
        result = ask(tmp_path / "data", *words)
        assert result.exit_code in (1, 2) and said in result.stderr and "Traceback" not in result.stderr, words


def test_a_package_of_bioimageio(tmp_path: Path) -> None:
    write_random_model(tmp_path / "a" / "models" / "mine")
    file = tmp_path / "mine.zip"
    done = ask(tmp_path / "a", "export", "mine", "--bioimageio", str(file), "--author", "Anna")
    assert done.exit_code == 0 and file.is_file() and "Before you publish it: It cites nothing" in done.stdout
    for words in (["--author", "Anna"], ["--bioimageio", str(tmp_path / "b.zip"), "--study", "x"]):
        refused = ask(tmp_path / "a", "export", "mine", *words)
        assert refused.exit_code == 2 and "Traceback" not in refused.stderr
