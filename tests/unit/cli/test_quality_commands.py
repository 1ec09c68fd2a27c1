"""``study gates`` and ``study quality``: what they print, what they store, what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_studies import simulated_study
from typer.testing import CliRunner, Result

from nscweb.cli.main import app
from nscweb.core.gates import DEFAULT_GATES
from nscweb.core.plain import to_plain
from nscweb.services.context import open_app
from nscweb.services.study.gates import get_gates
from nscweb.settings import Settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    opened = open_app(Settings.from_environment({"NSCWEB_THREADS": "1"}, tmp_path / "data"))
    simulated_study(opened, "small", cells=36)
    return tmp_path / "data"


def nscweb(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--data-dir", str(folder), "study", *arguments])


def answer(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def test_gates_are_shown_set_and_reset(folder: Path) -> None:
    shown = answer(nscweb(folder, "gates", "small", "--json"))
    assert shown["gates"] == to_plain(DEFAULT_GATES)
    assert shown["changed"] is False
    said = ("--set", "focus=0.9", "--set", "area_low=300", "--set", "off=border")
    changed = answer(nscweb(folder, "gates", "small", *said, "--json"))
    limits = changed["gates"]
    assert (limits["focus"], limits["area_low"], limits["off"]) == (0.9, 300, ["border"])
    assert changed["kept"] < shown["kept"]
    assert changed["changed"] is True
    opened = open_app(Settings.from_environment({}, folder))
    assert get_gates(opened, "small").area_low == 300
    plain = nscweb(folder, "gates", "small", "--set", "area_low=none")
    assert "cells are kept" in plain.stdout
    assert "area" not in plain.stdout
    assert answer(nscweb(folder, "gates", "small", "--reset", "--json"))["gates"] == to_plain(DEFAULT_GATES)


@pytest.mark.parametrize(
    "said", ["focus", "sharp=1", "focus=high", "focus=-1", "focus=none", "objects=1.5", "populations=live", "off=x"]
)
def test_limits_that_make_no_sense_are_refused_with_one_line(folder: Path, said: str) -> None:
    result = nscweb(folder, "gates", "small", "--set", said)
    assert result.exit_code != 0
    assert "Traceback" not in result.output
    opened = open_app(Settings.from_environment({}, folder))
    assert get_gates(opened, "small") == DEFAULT_GATES


def test_quality_prints_the_funnel_and_the_light(folder: Path) -> None:
    found = answer(nscweb(folder, "quality", "small", "--json"))
    assert sum(row["cells_imported"] for row in found["funnel"]) == 36
    assert {"sample", "cells_imported", "cells_kept", "left_out_blurred", "carry_blurred"} <= set(found["funnel"][0])
    light = found["illumination"]
    assert {"background", "slope_percent", "stripes_percent", "noise", "focus"} <= set(light["samples"][0])
    assert isinstance(light["warnings"], list)
    text = nscweb(folder, "quality", "small").stdout
    assert "cells kept" in text
    assert "background" in text
