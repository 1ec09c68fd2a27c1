"""A report can be made again: the same numbers from the same inputs, or what differs and why."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from asked import predict_study, report_data, write_report
from predicted import fresh_app, predicted
from random_models import write_random_model
from small_studies import simulated_study

from nscweb.core.errors import InputRefused, StudyNotFound
from nscweb.services.compare.staining_counts import Count, set_counts
from nscweb.services.report.parts import BY_NAME, COMPARED
from nscweb.services.report.rerun import rerun
from nscweb.services.report.rerun_compare import TableCheck, compare_tables, new_columns, other_rules
from nscweb.services.report.rerun_folder import read_report, table_of_040
from nscweb.services.study.quality import get_gates, set_gates


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """(program, its reports): a study that was reported, and whose gates and sheet were changed afterwards."""
    folder = tmp_path_factory.mktemp("rerun")
    app = fresh_app(folder / "data")
    study = simulated_study(app, cells=48)
    set_gates(app, study.study_id, get_gates(app, study.study_id).changed(focus=0.9))
    set_counts(app, study.study_id, [Count(study.samples[0].group, 24.0, "neuron", "NeuN", 40.0, 90, "cells")])
    run = predict_study(app, study.study_id, "random")
    report = write_report(app, run, "html", folder / "report.html")
    write_report(app, run, "zip", folder / "report.zip")
    set_counts(app, study.study_id, [])
    set_gates(app, study.study_id, get_gates(app, study.study_id).changed(focus=0.1))
    app.catalogue.update_samples(study.study_id, [s.with_changes(group="other") for s in study.samples])
    return app, report


def test_the_same_inputs_give_the_same_tables_whatever_was_changed_since(changed):
    app, report = changed
    before = sorted(path.name for path in app.folder.root.iterdir())
    runs = [run.run_id for run in app.catalogue.runs("s000001")]
    result = rerun(app, report.with_suffix(".zip"), out=report.parent / "again.zip")
    assert result.same, [check.different for check in result.checks]
    assert result.reasons == ()
    assert result.cells == 48
    assert "agree digit by digit" in result.sentence
    names = {check.name for check in result.checks}
    assert names >= {*COMPARED, "Replicates", "All comparisons", "ANOVA", "Time course", "Agreement", "Counted cells"}
    assert all(check.rows for check in result.checks)
    assert sum(check.numbers for check in result.checks) > 300
    assert sorted(path.name for path in app.folder.root.iterdir()) == before
    assert [run.run_id for run in app.catalogue.runs("s000001")] == runs
    assert (report.parent / "again.zip").exists()


def test_other_weights_are_found_out(changed):
    app, report = changed
    folder = app.settings.weights_dirs[0]
    shutil.move(folder / "random", folder.parent / "away")
    try:
        write_random_model(folder / "random", seed=5)
        result = rerun(app, report)
    finally:
        shutil.rmtree(folder / "random")
        shutil.move(folder.parent / "away", folder / "random")
    assert not result.same and {check.name for check in result.checks} == set(COMPARED)
    assert result.reasons[0].startswith("Other weights")
    assert result.sentence.startswith("Not the same: numbers differ in Samples")
    assert any(" was " in line and " and is " in line for check in result.checks for line in check.different)
    assert result.as_dict()["same"] is False


def test_a_study_that_is_not_there_is_named(changed, tmp_path):
    with pytest.raises(StudyNotFound, match="Small"):
        rerun(fresh_app(tmp_path), changed[1])


@pytest.mark.parametrize("content", [b"", b"<html></html>", b"PK\x03\x04 nothing", b"\xff\xfe\x00"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "report.html"
    path.write_bytes(content)
    with pytest.raises(InputRefused, match=r"report\.html"):
        rerun(predicted().app, path)


def test_rounding_is_told_from_another_number():
    was = pd.DataFrame({"sample": ["a", "b"], "cells": [3, 4], "share": [0.5, np.nan], "why": ["", "x"]})
    now = was.assign(share=[0.5 + 1e-6, np.nan])
    check = compare_tables("Samples", was.astype(str).replace("nan", ""), now)
    assert check.same and check.largest == pytest.approx(1e-6, rel=0.01)
    check = compare_tables("Samples", was, was.assign(share=[0.52, 0.1]).iloc[::-1])
    assert check.different == (
        "Samples: sample 'b': share was empty and is 0.1.",
        "Samples: sample 'a': share was 0.5 and is 0.52.",
    )
    missing = compare_tables("Samples", was.iloc[:1], was)
    assert missing.different == ("Samples: sample 'b' is not in the report.",)


@pytest.mark.parametrize("version", ["0.4.0", "0.5.0", "0.6.0", "0.7.0", "unknown"])
def test_a_rule_that_changed_since_is_told_where_numbers_differ(version):
    made = {"versions": {"nscweb": version}, "counting": {"asked": "em"}}
    checks = [TableCheck(name, 1, 1, 0.1, ("other",)) for name in ("Samples", "Time course", "Replicates needed")]
    text = " ".join(other_rules(made, checks))
    assert ("Another rule for Time course: since 0.5.0" in text) == (version in ("0.4.0", "unknown"))
    assert ("Another rule for Replicates needed: since 0.7.0" in text) == (version != "0.7.0")
    assert ("since 0.6.0 maximum likelihood asks" in text) == (version not in ("0.6.0", "0.7.0"))
    # Not of what is the same, and not of a way of counting that was not used.
    assert other_rules(made, [replace(check, different=()) for check in checks]) == ()
    assert "maximum" not in " ".join(other_rules({**made, "counting": {"asked": "pacc"}}, checks))


def test_columns_that_came_later_are_no_difference():
    now = pd.DataFrame({"group": ["a"], "time_h": [1.0], "replicate": ["1"], "class": ["n"], "percent": [5.0]})
    later = now.assign(low_percent=1.0, high_percent=9.0)
    assert compare_tables("Replicates", now, later, new_columns("Replicates")).same
    assert not compare_tables("Replicates", now, later).same
    assert not compare_tables("Replicates", later, later.assign(low_percent=2.0), new_columns("Replicates")).same


# Heads of the files of version 0.4.0, as it wrote them.
OLD = {
    "samples.csv": "sample,group,time_h,time,replicate,cells_in,cells,"
    + ",".join(
        f"n_{name},ratio_{name},low_{name},high_{name},naive_{name},naive_low_{name},naive_high_{name}"
        for name in ("astrocyte", "oligodendrocyte", "neuron")
    )
    + ",method,recovered,why,light,unlike_training_data,donor,instrument,control,true_class",
    "groups.csv": "group,time_h,time,class,replicates,cells,mean,sd,sem,low,high,naive_mean,method,interval,recovered,"
    "light,lights,why",
    "tests.csv": "time_h,time,class,group,other,difference,low,high,p,p_single,comparisons,n_group,n_other,g,method,"
    "note,light",
}


def _as_then(column: str) -> str:
    """What version 0.4.0 called the counted shares of a class."""
    for now, then in (("least_counted_", "naive_low_"), ("most_counted_", "naive_high_"), ("counted_", "naive_")):
        if column.startswith(now):
            return then + column.removeprefix(now)
    return column


def test_a_report_of_version_040_is_read_and_made_again(tmp_path):
    app = fresh_app(tmp_path / "data")
    run = predict_study(app, simulated_study(app, cells=48).name, "random")
    data = report_data(app, run, parts=True)
    made = {"cells_are": "simulated", "model_trained_on": "simulated cells", "model": "random 0.0.1"}
    made |= {"weights_sha256": "0" * 64, "gates": "Left out: ...", "filters": "none", "run": run.run_id}
    old = tmp_path / "old.zip"
    with zipfile.ZipFile(old, "w") as archive:
        archive.writestr("provenance.json", json.dumps({**data.provenance, "format": "nscweb report 1"}))
        for name, table in data.tables.items():
            file = BY_NAME[name].file
            table = table.rename(columns=_as_then)
            if file in OLD:
                assert ",".join(table.columns) == OLD[file], file
            words = table.replace({True: "yes", False: "no"}) if name == "Known mixtures" else table
            archive.writestr(file, words.assign(**made).to_csv(index=False))
    stated = read_report(old)
    assert {"neuron_percent", "ratio_known", "simulated"} - set(stated.tables["Samples"]) == {"simulated"}
    assert not {"cells_are", "gates", "weights_sha256"} & set(stated.tables["Groups"])
    result = rerun(app, old)
    assert result.same, [check.different for check in result.checks]
    assert {check.name for check in result.checks} >= {*COMPARED, "Time course", "Replicates"}
    groups = data.tables["Groups"]
    stated.tables["Groups"] = table_of_040("Groups", groups.assign(mean=groups["mean"] + 0.001, **made))
    assert not compare_tables("Groups", stated.tables["Groups"], data.leaving()["Groups"]).same


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("study", None, "study is None, where text is expected"),
        ("settings", 3, "settings is 3, where fields with names is expected"),
        ("counting", {"asked": "pacc", "control": ""}, "counting.adjust is missing"),
        ("gates", {}, "gates.limits is missing"),
        ("sheet", [{"group": "a"}], "sheet[0].name is missing"),
        ("sheet", [{"name": "a", "time_h": -1}], "a time point lies between"),
        ("pixel_size_um", "x", "pixel_size_um is 'x', where a number is expected"),
        ("entered_counts", ["x"], "entered_counts[0] is 'x'"),
    ],
)
def test_a_report_that_somebody_changed_is_refused_by_its_field(tmp_path, field, value, words):
    shared = predicted()
    data = report_data(shared.app, shared.run)
    path = tmp_path / "changed.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("provenance.json", json.dumps({**data.provenance, field: value}))
        for name in COMPARED:
            archive.writestr(BY_NAME[name].file, data.leaving()[name].to_csv(index=False))
    with pytest.raises(InputRefused) as refused:
        rerun(shared.app, path)
    assert words in str(refused.value) and "changed.zip" in str(refused.value)
