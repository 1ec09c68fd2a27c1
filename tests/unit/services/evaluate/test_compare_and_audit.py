"""Two runs compared, an evaluation split, and a label audit with turned labels, on small simulated studies."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from asked import predict_study
from columns_known import MADE, heads, unknown
from predicted import fresh_app, predicted, predicted_app
from random_models import write_random_model
from small_studies import simulated_study

from nscweb.core.errors import InputRefused, StoreError, WrongUse
from nscweb.services.evaluate.by_parts import (
    bands_of,
    judged_cells,
    part_names,
    parts_table,
    split_evaluation,
    splits_of,
    wide_table,
)
from nscweb.services.evaluate.evaluate import evaluate_run
from nscweb.services.evaluate.label_audit import (
    audit_folder,
    audit_table,
    contradicted_cells,
    decide,
    decisions,
    read_label_audit,
    run_label_audit,
)
from nscweb.services.evaluate.label_audit_words import MEDIUM
from nscweb.services.evaluate.metrics_files import write_evaluation
from nscweb.services.evaluate.two_runs import (
    compare_models,
    comparison_dict,
    disagreement_page,
    others_of,
    run_or_model,
    write_comparison,
)
from nscweb.services.report.export import run_csv


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A study predicted with two models of random weights."""
    app = fresh_app(tmp_path_factory.mktemp("two"))
    write_random_model(app.folder.models_dir / "second", seed=3)
    study = simulated_study(app, cells=120)
    changed = [sample.with_changes(instrument="A" if sample.replicate == "1" else "B") for sample in study.samples]
    app.catalogue.update_samples(study.study_id, changed)
    first = predict_study(app, study.name, "random")
    return app, first, predict_study(app, study.name, "second")


def test_parts_add_up_and_equal_the_figures_of_time_points(two):
    app, run, _ = two
    result = evaluate_run(app, run)
    assert set(splits_of(app, result)) == {"time", "group", "replicate", "instrument"}
    for by in splits_of(app, result):
        parts = split_evaluation(app, result, by)
        assert sum(part.cells for part in parts) == result.cells
        assert (sum(np.asarray(part.confusion) for part in parts) == np.asarray(result.confusion)).all()
    for part, timed in zip(split_evaluation(app, result, "time"), result.by_time, strict=True):
        for metric in timed.metrics:
            same = part.metric(metric.name, metric.class_name)
            assert (same.value, same.low, same.high) == (metric.value, metric.low, metric.high)
    table = parts_table(split_evaluation(app, result, "instrument"))
    assert set(table["part"]) == {"A", "B"} and table["interval"].str.len().gt(0).all()
    assert (table["low"] <= table["value"]).all() and (table["value"] <= table["high"]).all()
    shown = wide_table(split_evaluation(app, result, "instrument"), result.classes.names)
    assert len(shown) == 2 * 4 and "neuron" in set(shown["Class"])


def test_a_part_of_one_class_says_what_is_missing(two):
    app, run, _ = two
    result = evaluate_run(app, run)
    parts = split_evaluation(app, result, "group")
    assert all("no curve, no AUC" in part.remark for part in parts)
    assert bands_of(app, result, "group", parts[0].name).roc == {}
    with pytest.raises(WrongUse):
        part_names(app, result, "moon")


def test_bands_of_all_cells_are_around_the_curves_of_the_evaluation(two):
    app, run, _ = two
    result = evaluate_run(app, run)
    bands = bands_of(app, result)
    for name, curve in result.roc.items():
        assert bands.roc[name].equals(curve)
        assert bands.average_precision[name][0] == pytest.approx(result.average_precision[name])
    assert len(judged_cells(result)) == result.cells


def test_a_comparison_counts_what_the_two_tables_say(two):
    app, first, second = two
    assert [run.run_id for run in others_of(app, first)] == [second.run_id]
    found = compare_models(app, first, second)
    own, other = evaluate_run(app, first), evaluate_run(app, second)
    row = found.differences.iloc[0]
    assert row["figure"] == "accuracy" and row["first"] == pytest.approx(own.metric("accuracy").value)
    assert row["second"] == pytest.approx(other.metric("accuracy").value)
    differ = own.table["predicted"].to_numpy() != other.table["predicted"].to_numpy()
    assert len(found.disagreements) == differ.sum()
    kinds = found.disagreements["kind"].value_counts()
    assert kinds.get("only first right", 0) == found.mcnemar.iloc[0]["only_first"]
    page, total = disagreement_page(app, found, limit=3)
    assert total == len(found.disagreements) and len(page) == 3
    for cell, record in page:
        assert cell.cell_id == record["cell_id"] and cell.predicted == record["first"]
    data = json.loads(json.dumps(comparison_dict(found), allow_nan=False))
    assert data["sentence"] and "interval over samples decides" in data["mcnemar_note"]


def test_files_hold_what_the_page_shows(two, tmp_path):
    app, first, second = two
    result, found = evaluate_run(app, first), compare_models(app, first, second)
    parts = {by: split_evaluation(app, result, by) for by in splits_of(app, result)}
    files = write_evaluation(result, tmp_path, parts=parts, bands=bands_of(app, result))
    assert {"metrics_by_time.csv", "metrics_by_instrument.csv", "curve_bands.csv"} <= set(files)
    table = pd.read_csv(files["metrics_by_instrument.csv"], encoding="utf-8-sig")
    accuracy = table[(table["figure"] == "accuracy") & (table["part"] == "A")].iloc[0]
    assert accuracy["value"] == round(parts["instrument"][0].metric("accuracy").value, 4)
    written = write_comparison(found, tmp_path)
    rows = pd.read_csv(written["disagreements.csv"], encoding="utf-8-sig")
    assert len(rows) == len(found.disagreements) and set(rows["second_model"]) == {"second"}
    assert json.loads(written["comparison.json"].read_text("utf-8")) == comparison_dict(found)


def test_what_cannot_be_compared_is_refused(two):
    app, first, _ = two
    with pytest.raises(WrongUse, match="itself"):
        compare_models(app, first, first)
    elsewhere = predict_study(app, simulated_study(app, "other", cells=24).name, "random")
    with pytest.raises(WrongUse, match="different studies"):
        compare_models(app, first, elsewhere)
    write_random_model(app.folder.models_dir / "pair", classes=("astrocyte", "neuron"))
    pair = run_or_model(app, first.study_id, "pair")
    with pytest.raises(WrongUse, match="same classes"):
        compare_models(app, first, pair)
    assert run_or_model(app, first.study_id, first.run_id).run_id == first.run_id
    assert pair not in others_of(app, first)


def test_a_label_audit_is_kept_and_forgotten_when_labels_change(tmp_path):
    app, study, run = predicted_app(tmp_path, cells=120)
    assert read_label_audit(app, run) is None
    steps = []
    made = run_label_audit(app, run, progress=lambda done, total, step="": steps.append((done, total, step)))
    assert steps[-1][0] == steps[-1][1] == made.cells == 120
    kept = read_label_audit(app, run)
    assert kept.table.equals(made.table) and kept.caveats == made.caveats and MEDIUM in kept.caveats
    assert "all cells of a sample are in one fold" in kept.how
    assert len(kept.audit.noise) == 6
    np.testing.assert_allclose(kept.table[kept.classes.columns()].sum(axis=1), 1)
    page, total = contradicted_cells(app, kept, limit=5)
    assert total == kept.contradicted == int(kept.table["contradicted"].sum())
    margins = [record["margin"] for _, record in page]
    assert margins == sorted(margins)
    assert all(record["suggested"] != record["label"] == cell.true_class for cell, record in page)
    app.catalogue.update_samples(
        study.study_id,
        [sample.with_changes(true_class="neuron") for sample in study.samples[:6]] + list(study.samples[6:]),
    )
    assert read_label_audit(app, run) is None


def test_features_that_tell_nothing_are_said_to_tell_nothing(tmp_path):
    app, _, run = predicted_app(tmp_path, cells=60)
    found = run_label_audit(app, run)
    assert found.weak and found.agreement < 0.6
    assert "too badly apart" in found.sentence and "too little for an audit" in found.caveats[0]
    assert "never erred" not in found.sentence


def test_decisions_are_kept_taken_back_and_exported(tmp_path):
    app, study, run = predicted_app(tmp_path, cells=60)
    found = run_label_audit(app, run)
    cells = found.table.iloc[found.audit.order[:2]]["cell_id"].tolist()
    said = {"label": "neuron", "suggested": "astrocyte", "run_id": run.run_id}
    decide(app, study.study_id, cells[0], "wrong", **said)
    decide(app, study.study_id, cells[1], "right", **said)
    decide(app, study.study_id, "c1:999", "right", **said)
    assert {key: value["decision"] for key, value in decisions(app, study.study_id).items()} == {
        cells[0]: "wrong",
        cells[1]: "right",
        "c1:999": "right",
    }
    table = audit_table(found, decisions(app, study.study_id))
    assert table["decision"].tolist()[:2] == ["label is wrong", "label is right"]
    columns = heads(run_csv(table, "Labels", found.run))
    assert unknown(columns, found.run.class_names) == [] and columns[-3:] == MADE
    decide(app, study.study_id, cells[0], None, **said)
    assert cells[0] not in decisions(app, study.study_id)
    with pytest.raises(WrongUse):
        decide(app, study.study_id, cells[0], "maybe", **said)
    (audit_folder(app, study.study_id) / "decisions.json").write_text("{broken")
    with pytest.raises(StoreError, match="decisions"):
        decisions(app, study.study_id)


def test_one_class_only_cannot_be_audited(tmp_path):
    app, study, run = predicted_app(tmp_path, cells=36)
    app.catalogue.update_samples(study.study_id, [sample.with_changes(true_class="neuron") for sample in study.samples])
    with pytest.raises(InputRefused, match="two classes"):
        run_label_audit(app, run)


def test_the_shared_study_has_parts():
    found = predicted()
    assert "replicate" in splits_of(found.app, evaluate_run(found.app, found.run))


def test_every_file_of_an_evaluation_is_explained_and_says_what_made_it(two, tmp_path):
    app, run, other = two
    result = evaluate_run(app, run)
    parts = {by: split_evaluation(app, result, by) for by in splits_of(app, result)}
    paths = write_evaluation(result, tmp_path, parts=parts, bands=bands_of(app, result))
    paths |= write_comparison(compare_models(app, run, other), tmp_path)
    files = {name: path.read_bytes() for name, path in paths.items() if name.endswith(".csv")}
    assert {"metrics.csv", "confusion.csv", "roc.csv", "curve_bands.csv", "differences.csv"} <= set(files)
    tables = {name: content for name, content in files.items() if not name.endswith("columns.csv")}
    for name, content in tables.items():
        columns = heads(content)
        assert unknown(columns, run.class_names) == [], name
        assert columns[-3:] == MADE, name
        assert set(pd.read_csv(paths[name])["simulated"].dropna()) <= {"yes"}, name
    explained = {name for file in set(files) - set(tables) for name in pd.read_csv(paths[file])["column"]}
    assert {column for content in tables.values() for column in heads(content)} == explained
    made = json.loads(paths["provenance.json"].read_text("utf-8"))
    assert made["weights_sha256"] == run.provenance.weights_sha256 and made["simulated_cells"] and made["gates"]
