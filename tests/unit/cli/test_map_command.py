"""The command map makes the map of a study and writes the places of its cells."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from predicted import predicted_app
from typer.testing import CliRunner

from nscweb.cli.main import app as command


def test_places_of_all_cells_are_written_and_kept(tmp_path: Path) -> None:
    _, study, run = predicted_app(tmp_path / "data", 60)
    out = tmp_path / "places" / "map.csv"
    asked = ["map", study.name, "--model", run.model, "--out", str(out), "--json", "--data-dir", str(tmp_path / "data")]
    result = CliRunner().invoke(command, asked)
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert (said["cells"], said["laid_out"], said["vectors"], said["model"]) == (60, 60, "model", run.model)
    table = pd.read_csv(out)
    assert len(table) == 60
    assert table[["map_x", "map_y"]].notna().all().all()
    again = json.loads(CliRunner().invoke(command, asked).stdout)
    assert again["laid_out"] == 60
    pd.testing.assert_frame_equal(pd.read_csv(out), table)


def test_a_kind_of_vectors_that_there_is_not_is_refused(tmp_path: Path) -> None:
    _, study, _ = predicted_app(tmp_path, 60)
    result = CliRunner().invoke(command, ["map", study.name, "--vectors", "taste", "--data-dir", str(tmp_path)])
    assert result.exit_code != 0
    assert "taste" in result.output
