"""`nscweb models export` and `audit`: forms of a model checked on a study, and what is told of an audit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from random_models import write_random_model
from small_studies import simulated_study
from typer.testing import CliRunner

from nscweb.cli.main import app
from nscweb.core.card import CardEntry
from nscweb.core.errors import WrongUse
from nscweb.services.context import App, open_app
from nscweb.services.predict.fast_form_cells import export_cells
from nscweb.settings import Settings


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> App:
    made = open_app(Settings.from_environment({"NSCWEB_THREADS": "1"}, tmp_path_factory.mktemp("data")))
    simulated_study(made, "cells", cells=240)
    return made


def test_cells_to_learn_from_and_to_judge_on_are_different_ones(opened: App) -> None:
    learn, judge, study = export_cells(opened, "cells", ("brightfield",))
    assert (len(learn) + len(judge), study.name) == (240, "cells") and len(learn) < len(judge)
    assert not {cell.tobytes() for cell in learn} & {cell.tobytes() for cell in judge}
    few, many, _ = export_cells(opened, "cells", ("Ch1",), calibration=20, check=50)
    assert (len(few), len(many)) == (20, 50)
    with pytest.raises(WrongUse, match="has no channel Ch7"):
        export_cells(opened, "cells", ("Ch7",))


def test_export_writes_the_forms_and_says_whether_the_fast_one_is_good(opened: App) -> None:
    folder = opened.settings.data_dir
    entry = write_random_model(folder / "models" / "random", simulated=False)
    words = ["models", "export", "random", "--study", "cells", "--json", "--data-dir", str(folder)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert (entry.folder / told["exports"]["onnx"]["file"]).is_file()
    assert isinstance(told["fast_offered"], bool) and told["fast"]


def test_a_model_that_is_not_there_is_told(opened: App, tmp_path: Path) -> None:
    for command in ("export", "audit"):
        result = CliRunner().invoke(app, ["models", command, "nothing", "--data-dir", str(tmp_path)])
        assert result.exit_code == 1 and "There is no model called nothing" in result.stderr


def test_the_audit_is_told(opened: App, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = opened.settings.data_dir
    entry = write_random_model(folder / "models" / "audited")
    asked: list[object] = []

    def measured(app: App, entry: CardEntry, studies: object, **options: object) -> CardEntry:
        asked.append(studies)
        card = replace(entry.card, audit={"passed": False, "sentence": "Light alone explains it."})
        return replace(entry, card=card)

    monkeypatch.setattr("nscweb.services.train.model_audit.audit_model", measured)
    words = ["models", "audit", "audited", "--study", "cells", "--data-dir", str(folder)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0 and asked == [("cells",)]
    assert "audited did not pass its audit. Light alone explains it." in result.stdout
    told = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert told["passed"] is False and entry.card.name == told["model"]
