"""Protocols: every file names what exists, the printed numbers are those of the papers, and one runs to its end."""

from __future__ import annotations

import io
import json
import tomllib
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
from small_studies import add_study, simulated_study
from typer.testing import CliRunner

from nscweb.cli.reproduce import register
from nscweb.core.errors import JobCancelled, StudyNotFound, WrongUse
from nscweb.core.samples import Sample
from nscweb.papers.protocol import Protocol
from nscweb.papers.protocol_cells import cells_of
from nscweb.papers.protocol_files import checked, papers, parse, read_protocol
from nscweb.papers.reproduce import Reproduced, ReproduceRequest, narrowed, run_protocol
from nscweb.papers.trainings import units_of
from nscweb.services.context import App

ALL = ("cgrecnet2026", "kim2023", "parthasarathy2024", "zamani2023", "zhu2021")


def _given(paper: str) -> dict[str, Any]:
    return tomllib.loads((resources.files("nscweb.papers.protocols") / f"{paper}.toml").read_text("utf-8"))


def test_there_is_a_protocol_for_each_of_five_papers() -> None:
    assert papers() == ALL


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("paper", ALL)
def test_every_protocol_names_only_what_exists(paper: str, quick: bool) -> None:
    protocol = read_protocol(paper, quick)
    assert protocol.paper == paper and protocol.differs and protocol.question
    used = {name for output in protocol.outputs for name in output.blocks}
    assert used == set(protocol.blocks), "each training is shown somewhere"
    assert len({output.name for output in protocol.outputs}) == len(protocol.outputs)
    assert next(iter(protocol.splits.values())).by == "cell", "the paper's own split comes first"
    assert any(rule.by != "cell" for rule in protocol.splits.values())
    units = units_of(protocol, protocol.blocks)
    assert len({unit.key for unit in units}) == len(units)
    for output in protocol.outputs:
        if "model" in output.options:
            assert any(output.options["model"] in protocol.blocks[name].models for name in output.blocks)


def test_quick_is_smaller_in_every_way() -> None:
    for paper in ALL:
        full, quick = read_protocol(paper), read_protocol(paper, quick=True)
        assert sum(quick.simulated["cells"].values()) <= 400 < sum(full.simulated["cells"].values())
        assert len(units_of(quick, quick.blocks)) <= len(units_of(full, full.blocks))
        for model in quick.models:
            assert quick.train_of(model)["epochs"] <= 4
            assert max(quick.recipe_of(model).resize) <= 75


def test_printed_numbers_are_those_of_the_papers() -> None:
    zhu, parthasarathy, zamani, li, kim = (
        read_protocol(paper).numbers
        for paper in ("zhu2021", "parthasarathy2024", "zamani2023", "cgrecnet2026", "kim2023")
    )
    assert (zhu["xception"]["accuracy"], zhu["markers"]["accuracy"]) == (0.923, 0.998)
    assert parthasarathy["resnet50"]["accuracy"] == 0.933
    assert parthasarathy["resnet50"]["accuracy@binary"] == 0.997
    assert [value for key, value in parthasarathy["resnet50"].items() if key.startswith("auc")] == [
        0.99,
        0.99,
        0.96,
        1.00,
    ]
    assert zamani["alexnet"]["accuracy@enhanced"] == 0.9633
    assert [zamani["alexnet"][f"minutes@{kind}"] for kind in ("enhanced", "original")] == [61.62, 165.6]
    size = {
        name: (li[name]["parameters_m"], li[name]["gflops"])
        for name in ("cgrecnet", "rescmnet", "resgdnet", "baseline")
    }
    assert size == {
        "cgrecnet": (28.02, 8.40),
        "rescmnet": (27.69, 8.19),
        "resgdnet": (25.89, 7.73),
        "baseline": (25.51, 6.13),
    }
    assert (li["cgrecnet"]["accuracy"], li["cgrecnet"]["accuracy_sd"]) == (0.9640, 0.0007)
    assert li["cgrecnet"]["macro_auc"] == 0.9979
    names = ("astrocyte", "oligodendrocyte", "neuron")
    per_class = {
        "cgrecnet": (98.34, 89.75, 96.99),
        "vit": (95.80, 81.15, 94.60),
        "vgg": (97.82, 85.12, 96.10),
        "densenet": (98.13, 86.45, 96.33),
        "mobilenetv2": (98.15, 87.20, 96.55),
        "baseline": (97.40, 83.81, 95.53),
    }
    for model, printed in per_class.items():
        assert [100 * li[model][f"f1_{name}"] for name in names] == pytest.approx(printed)
    dense = kim["densenet121"]
    assert (dense["accuracy"], dense["sensitivity"], dense["specificity"]) == (0.838, 0.991, 0.643)


def test_settings_of_the_papers() -> None:
    li = read_protocol("cgrecnet2026")
    assert li.blocks["seeds"].seeds == (42, 123, 999) and li.blocks["ablation"].folds == 5
    assert li.train["batch"] == 8 and li.train["step_every"] == 7 and li.splits["paper"].held_out == 0.15
    zamani = read_protocol("zamani2023")
    assert (zamani.train["epochs"], zamani.train["batch"], zamani.train["learning_rate"]) == (10, 15, 1e-4)
    assert zamani.simulated["cells"] == {"CFU-E": 208, "CFU-GM": 396, "CFU-PreB": 124}
    assert zamani.recipe_of(zamani.model("alexnet"), "enhanced").resize == (224, 224)
    assert zamani.recipe_of(zamani.model("alexnet"), "enhanced").clahe is not None
    assert zamani.recipe_of(zamani.model("alexnet"), "original").clahe is None
    kim = read_protocol("kim2023")
    assert kim.search is not None and (kim.search.trials, kim.search.repeats) == (10, 5)
    zhu = read_protocol("zhu2021")
    assert zhu.recipe_of(zhu.model("15x10")).resize == (15, 10)
    assert zhu.recipe_of(zhu.model("markers")).channels == ("Ch2", "Ch3", "Ch11")


def test_a_protocol_that_names_nonsense_is_refused() -> None:
    given = _given("zhu2021")
    given["models"][0]["architecture"] = "zhu2077"
    given["train"]["learnrate"] = 1
    with pytest.raises(WrongUse, match=r"architecture zhu2077.*setting learnrate"):
        checked(parse(given, quick=False))
    with pytest.raises(WrongUse, match="cannot be read"):
        parse({"paper": "x"}, quick=False)
    with pytest.raises(WrongUse, match="Possible are cgrecnet2026"):
        read_protocol("zhu2077")


def _tiny() -> Protocol:
    """The protocol of Zhu et al. cut to its cheapest networks and a few cells."""
    given = _given("zhu2021")
    given["runs"] = [{"name": "published", "models": ["mlp", "15x10"], "splits": ["paper", "grouped"]}]
    given["outputs"] = [
        {**item, "blocks": ["published"], "model": "mlp"}
        for item in given["outputs"]
        if not item["name"].startswith("figure_5b") and not item["name"].endswith(("markers", "5d_loss"))
    ]
    given["quick"] = {
        "simulated": {"cells": dict.fromkeys(given["data"]["simulated"]["cells"], 30)},
        "independent": {"cells": 6},
        "train": {"epochs": 1, "batch": 16},
    }
    return checked(parse(given, quick=True))


def _small(*kinds: str) -> Protocol:
    """One network, one split, some kinds of outputs."""
    tiny = _tiny()
    block = replace(tiny.blocks["published"], models=("mlp",), splits=("paper",))
    outputs = tuple(output for output in tiny.outputs if output.kind in kinds)
    return replace(tiny, blocks={"published": block}, outputs=outputs)


def _run(folder: Path, **more: Any) -> Reproduced:
    request = ReproduceRequest("zhu2021", quick=True)
    return run_protocol(None, _tiny(), request, folder, created_utc="2026-01-01T00:00:00Z", threads=1, **more)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Reproduced:
    return _run(tmp_path_factory.mktemp("zhu"))


def test_a_run_writes_tables_and_a_page_beside_the_paper(run: Reproduced) -> None:
    assert run.skipped == () and run.trainings == 4
    assert all(piece.name.startswith("simulated_") for piece in run.pieces)
    assert all(piece.title.startswith("SIMULATED: ") and piece.caption.startswith("SIMULATED") for piece in run.pieces)
    explained = set()
    for piece in run.pieces:
        text = (run.folder / f"{piece.name}.csv").read_text("utf-8")
        table = pd.read_csv(io.StringIO(text))
        assert set(table["simulated"]) == {"yes"} and set(table["run"]) == {"reproduce zhu2021"}
        explained |= set(table.columns)
        if piece.figure is not None:
            assert "SIMULATED" in piece.figure.layout.title.text
    assert explained == set(pd.read_csv(run.folder / "columns.csv")["column"])
    made = json.loads((run.folder / "provenance.json").read_text("utf-8"))
    assert made["simulated_cells"] and made["seed"] == 0 and len(made["files"]) == len(run.pieces)
    page = run.report.read_text("utf-8")
    assert page.count("SIMULATED") > len(run.pieces) and "<script src" not in page
    readme = (run.folder / "README.md").read_text("utf-8")
    assert readme.startswith("# SIMULATED") and "Seed: 0" in readme and "torch" in readme
    ratios = next(piece.table for piece in run.pieces if "ratio" in piece.name)
    assert len(ratios) == 9 and ratios["paper"].notna().all()
    nt3 = ratios[ratios["group"] == "NT3"].iloc[0]
    assert (nt3["counted_1d"], nt3["counted_end"], nt3["paper"]) == (20.997, 75.407, 73.67773)


def test_the_paper_stands_beside_its_own_split_only(run: Reproduced) -> None:
    protocol = read_protocol("kim2023")
    assert next(iter(protocol.splits)) == "paper"
    table = next(piece.table for piece in run.pieces if piece.name.endswith("table_accuracy"))
    assert set(table["split"]) == {"paper", "grouped"}
    assert table.loc[table["split"] == "grouped", "accuracy paper"].isna().all()


def test_finished_trainings_are_not_done_twice(run: Reproduced, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr("nscweb.training.loop.fit", never)
    again = _run(run.folder)
    assert again.trainings == 4
    assert again.pieces[0].table.equals(run.pieces[0].table)


def test_a_study_stands_in_for_the_simulator(opened: App) -> None:
    study = simulated_study(opened, "mine", cells=96, replicates=4)
    cells = cells_of(opened, _tiny(), "mine")
    assert cells.name == study.name and cells.fits and len(cells.labelled) == 96
    assert cells.classes.names == ("astrocyte", "oligodendrocyte", "neuron")
    request = ReproduceRequest("zhu2021", quick=True, study="mine", out=opened.settings.data_dir / "again")
    # A study of a simulator is simulated too; it has brightfield only and no cells of other inducers.
    only = _small("confusion", "inducers")
    done = run_protocol(opened, only, request, opened.settings.data_dir / "again", created_utc="", threads=1)
    assert done.simulated and "study mine" in done.data
    ratios = next(piece.table for piece in done.pieces if "ratio" in piece.name)
    assert set(ratios["group"]) <= {"astrocyte medium", "oligodendrocyte medium"}


def test_a_study_of_other_classes_has_no_printed_numbers_beside_it(opened: App) -> None:
    rng = np.random.default_rng(0)
    samples = [
        (Sample(f"{name} {number}", true_class=name), list(rng.integers(0, 255, (6, 1, 40, 40), np.uint8)))
        for name in ("G1", "S")
        for number in range(3)
    ]
    add_study(opened, "cycle", samples, simulated=False)
    only = _small("figures_table", "inducers")
    request = ReproduceRequest("zhu2021", quick=True, study="cycle")
    done = run_protocol(opened, only, request, opened.settings.data_dir / "again", created_utc="", threads=1)
    assert not done.simulated and done.pieces[0].table["accuracy paper"].isna().all()
    assert not done.pieces[0].name.startswith("simulated")
    assert any("inducers" in line for line in done.skipped)
    assert "other classes than the paper" in (done.folder / "README.md").read_text("utf-8")
    with pytest.raises(StudyNotFound):
        cells_of(opened, only, "nobody")


def test_the_command_prints_where_the_result_is(tmp_path: Path) -> None:
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    words = ["reproduce", "cgrecnet2026", "--only", "table_3_cost", "--data-dir", str(tmp_path), "--json"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    # Nothing is simulated, because counting the work of a network needs no cells.
    assert told["trainings"] == 0 and not told["simulated"] and told["tables"] == ["table_3_cost"]
    folder = Path(told["folder"])
    assert folder.is_relative_to(tmp_path)
    table = pd.read_csv(folder / "table_3_cost.csv")
    ours = table.set_index("model")["parameters_millions"]
    assert ours["CG-RecNet (both)"] == pytest.approx(28.02, abs=0.05)
    assert table["parameters_millions_paper"].tolist()[:4] == [28.02, 27.69, 25.89, 25.51]
    assert CliRunner().invoke(app, ["reproduce", "nobody", "--data-dir", str(tmp_path)]).exit_code == 2


def test_a_cancelled_run_stops(tmp_path: Path) -> None:
    with pytest.raises(JobCancelled):
        _run(tmp_path, cancel=lambda: True)


def test_only_one_table_trains_only_what_it_needs() -> None:
    only = narrowed(read_protocol("cgrecnet2026"), ReproduceRequest("cgrecnet2026", only="table_3_cost"))
    assert [output.name for output in only.outputs] == ["table_3_cost"] and only.outputs[0].blocks == ()
    with pytest.raises(WrongUse, match="It has table_3_ablation"):
        narrowed(read_protocol("cgrecnet2026"), ReproduceRequest("cgrecnet2026", only="table_9"))
