"""`nscweb data fetch`: listing, fetching, importing what lies there, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from nscweb.cli import data
from nscweb.services.fetch import public_data
from nscweb.services.fetch.public_data import Fetched, Listing, PublicFile


@pytest.fixture
def app() -> typer.Typer:
    """Only this command; the whole program gets it from the table of commands."""
    made = typer.Typer()
    data.register(made)
    return made


@pytest.fixture
def listing(monkeypatch: pytest.MonkeyPatch) -> Listing:
    found = Listing("Images", "CC BY 4.0", "10.1/x", (PublicFile("a.zip", 2_500_000, "", "https://x"),), ("far",))
    monkeypatch.setattr(public_data, "list_files", lambda name, **options: found)
    return found


def unpacked(folder: Path) -> Path:
    for name in ("a_1d1", "o_1d1"):
        (folder / "set" / name).mkdir(parents=True)
        for cell in (1, 2):
            grey = np.random.default_rng(cell).integers(90, 110, (44, 60), dtype=np.uint8)
            cv2.imwrite(str(folder / "set" / name / f"{name}_{cell}_Ch1.ome.bmp"), grey)
    return folder


def ask(app: typer.Typer, tmp_path: Path, *words: str):
    return CliRunner().invoke(app, ["data", "fetch", *words, "--data-dir", str(tmp_path / "data")])


def test_the_list_tells_sizes_and_licence(app: typer.Typer, tmp_path: Path, listing: Listing) -> None:
    result = ask(app, tmp_path, "zhu2021", "--list")
    assert result.exit_code == 0
    assert "licence as stated there: CC BY 4.0" in result.stdout and "a.zip: 2.5 MB" in result.stdout
    assert "far: only a link" in result.stdout
    assert json.loads(ask(app, tmp_path, "zhu2021", "--list", "--json").stdout)["bytes"] == 2_500_000


def test_fetch_then_import(app: typer.Typer, tmp_path: Path, listing: Listing, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = unpacked(tmp_path / "public")
    monkeypatch.setattr(
        public_data, "fetch_files", lambda *given, **options: Fetched(folder, (folder / "set",), listing)
    )
    only = ask(app, tmp_path, "zhu2021", "--folder", str(folder), "--no-import", "--json")
    assert only.exit_code == 0 and json.loads(only.stdout)["licence"] == "CC BY 4.0"
    result = ask(app, tmp_path, "zhu2021", "--folder", str(folder))
    assert result.exit_code == 0
    assert "Imported 4 cells of 2 samples into zhu2021" in result.stdout
    assert "medium that the cells grew in" in result.stderr
    again = ask(app, tmp_path, "zhu2021", "--folder", str(folder))
    assert again.exit_code == 1 and "exists already" in again.stderr


def test_what_lies_there_is_imported_without_a_network(app: typer.Typer, tmp_path: Path) -> None:
    folder = unpacked(tmp_path / "public")
    result = ask(app, tmp_path, "zhu2021", "--offline", "--folder", str(folder), "--name", "mine", "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert (told["study"], told["imported"]) == ("mine", 4)


def test_an_unknown_set_and_an_empty_folder_are_told(app: typer.Typer, tmp_path: Path) -> None:
    unknown = ask(app, tmp_path, "zhu")
    assert unknown.exit_code == 2 and "There are: zhu2021" in unknown.stderr
    nothing = ask(app, tmp_path, "zhu2021", "--offline")
    assert nothing.exit_code == 1 and "There is no folder" in nothing.stderr
