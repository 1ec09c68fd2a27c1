"""``nscweb labels``: counted, out and in as CSV, taken back, refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from marker_studies import marker_study
from small_studies import simulated_study
from typer.testing import CliRunner, Result

from nscweb.cli.main import app
from nscweb.services.context import App, open_app
from nscweb.services.labels.labels import add_labels
from nscweb.settings import Settings


@pytest.fixture
def opened(tmp_path: Path) -> App:
    found = open_app(Settings.from_environment({"NSCWEB_THREADS": "1"}, tmp_path / "data"))
    study = simulated_study(found, "small", cells=36)
    key = found.catalogue.sample_keys(study.study_id)[study.samples[0].name]
    add_labels(found, "small", [f"{key}:0", f"{key}:1"], "neuron", "hand", "Anna")
    return found


def nscweb(opened: App, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--data-dir", str(opened.settings.data_dir), "labels", *arguments])


def answer(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def test_labels_are_counted_out_in_and_taken_back(opened: App, tmp_path: Path) -> None:
    shown = answer(nscweb(opened, "show", "small", "--json"))
    assert shown["classes"] == {"neuron": 2} and shown["judging"] == 0
    assert shown["labels"] == [{"class": "neuron", "how": "hand", "who": "Anna", "cells": 2}]
    out = tmp_path / "labels.csv"
    answer(nscweb(opened, "export", "small", "--out", str(out), "--json"))
    assert answer(nscweb(opened, "undo", "small", "--who", "Anna", "--json"))["cells"] == 2
    assert "No cell is labelled" in nscweb(opened, "show", "small").output
    assert answer(nscweb(opened, "import", "small", str(out), "--json"))["cells"] == 2
    answer(nscweb(opened, "export", "small", "--out", str(out), "--history", "--json"))
    assert "undone" in out.read_text("utf-8")
    assert "no label of Ben" in nscweb(opened, "undo", "small", "--who", "Ben").output


def test_a_file_with_unknown_cells_is_refused_and_names_them(opened: App, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("sample,object_number,class\nnowhere,1,neuron\n", "utf-8")
    result = nscweb(opened, "import", "small", str(file))
    assert result.exit_code == 1 and "sample nowhere (row 2)" in result.output


def test_labels_come_from_markers_the_sheet_and_fcs_by_command(opened: App, tmp_path: Path) -> None:
    study = marker_study(opened)
    table = tmp_path / "light.csv"
    dry = answer(nscweb(opened, "markers", study.name, "--dry-run", "--csv", str(table), "--json"))
    assert set(dry["methods"].values()) == {"controls"} and dry["left_out"]["controls"] == 180 and "act" not in dry
    assert "Ch2 GFAP_intensity" in table.read_text("utf-8").splitlines()[0]
    rules = ("--marker", "Ch2 GFAP=GFAP:glia", "--marker", "Ch11 NeuN=NeuN:neuron", "--threshold", "Ch2 GFAP=150")
    made = answer(nscweb(opened, "markers", study.name, *rules, "--json"))
    assert made["thresholds"]["Ch2 GFAP"] == 150 and made["act"] == 1
    assert {row["medium"] for row in made["medium"]} == {"astrocyte", "neuron"}
    assert set(answer(nscweb(opened, "show", study.name, "--json"))["classes"]) == {"glia", "neuron"}
    assert answer(nscweb(opened, "sheet", study.name, "--json"))["cells"] == 240
    refused = nscweb(opened, "markers", study.name, "--threshold", "Ch2 GFAP=high")
    assert refused.exit_code == 2 and "not 'high'" in refused.output
    assert nscweb(opened, "populations", study.name, "--class", "CD3=T cell").exit_code == 2
    broken = tmp_path / "gate.fcs"
    broken.write_bytes(b"no FCS")
    assert nscweb(opened, "fcs", study.name, str(broken), "--class", "glia").exit_code == 1
