"""Labels of cells: kept with who, when and how, replaced, taken back, agreed upon, out as CSV and in again."""

from __future__ import annotations

import threading

import pandas as pd
import pytest
from columns_known import MADE, heads, unknown
from predicted import fresh_app
from small_studies import simulated_study

from nscweb.core.errors import InputRefused, StoreError, WrongUse
from nscweb.services.labels.agreed import agreed_labels
from nscweb.services.labels.labels import add_labels, history_of, labellers, labels_mark, labels_of, undo_labels
from nscweb.services.labels.labels_csv import labels_csv, read_labels
from nscweb.services.study.understood.join_studies import merge_studies
from nscweb.store.label_acts import acts_of


@pytest.fixture
def study(tmp_path):
    app = fresh_app(tmp_path)
    return app, simulated_study(app, cells=60)


def cells_of(app, study, sample=0):
    name = study.samples[sample].name
    key = app.catalogue.sample_keys(study.study_id)[name]
    return [f"{key}:{row}" for row in range(study.samples[sample].cells)]


def said(app, study):
    rows = labels_of(app, study.name)
    return dict(zip(zip(rows["cell_id"], rows["who"], strict=True), rows["class"], strict=True))


def test_a_label_says_of_which_cell_by_whom_when_and_how(study):
    app, study = study
    cell = cells_of(app, study)[2]
    done = add_labels(app, study.name, [cell], "neuron", "hand", " Anna ", drawn="uncertain")
    (row,) = labels_of(app, study.study_id).to_dict("records")
    assert done.cells == 1 and done.sentence == "Anna labelled 1 cell: 1 neuron."
    assert row["cell_id"] == cell and row["sample"] == study.samples[0].name and row["object_number"] >= 0
    assert (row["class"], row["who"], row["how"], row["drawn"]) == ("neuron", "Anna", "hand", "uncertain")
    assert row["when_utc"].endswith("Z") and not row["judges"]


def test_a_new_label_of_the_same_labeller_replaces_and_undo_brings_the_old_one_back(study):
    app, study = study
    first, second = cells_of(app, study)[:2]
    add_labels(app, study.name, [first, second], "neuron", "hand", "Anna")
    add_labels(app, study.name, [first], "astrocyte", "hand", "Anna")
    add_labels(app, study.name, [first], "neuron", "hand", "Ben")
    assert said(app, study) == {(first, "Anna"): "astrocyte", (first, "Ben"): "neuron", (second, "Anna"): "neuron"}
    assert labellers(app, study.name) == ["Anna", "Ben"]
    assert undo_labels(app, study.name, "Anna").cells == 1
    assert said(app, study)[first, "Anna"] == "neuron"
    history = history_of(app, study.name)
    assert sorted(history["state"]) == ["stands", "stands", "stands", "undone"]
    assert undo_labels(app, study.name, "Anna").cells == 2
    assert undo_labels(app, study.name, "Anna") is None
    assert said(app, study) == {(first, "Ben"): "neuron"}


def test_an_empty_class_takes_a_label_away(study):
    app, study = study
    cell = cells_of(app, study)[0]
    add_labels(app, study.name, [cell], "neuron", "marker", "markers")
    add_labels(app, study.name, [cell], "", "marker", "markers")
    assert said(app, study) == {}
    undo_labels(app, study.name, "markers")
    assert said(app, study) == {(cell, "markers"): "neuron"}


def test_labellers_who_disagree_leave_the_cell_out_and_it_is_counted_and_named(study):
    app, study = study
    first, second, third = cells_of(app, study)[:3]
    add_labels(app, study.name, [first, second], "neuron", "hand", "Anna", drawn="uncertain")
    add_labels(app, study.name, [first, third], ["neuron", "astrocyte"], "marker", "markers")
    add_labels(app, study.name, [second], "astrocyte", "hand", "Ben")
    agreed = agreed_labels(app, study.name)
    assert agreed.classes == {"astrocyte": 1, "neuron": 1}
    assert list(agreed.disputed["cell_id"]) == [second]
    assert agreed.disputed["said"][0] == "neuron (Anna, by hand), astrocyte (Ben, by hand)"
    number = int(agreed.disputed["object_number"][0])
    assert f"disagree: {study.samples[0].name} {number}." in agreed.sentence
    assert dict(zip(agreed.table["cell_id"], agreed.table["judges"], strict=True)) == {first: True, third: True}
    assert agreed_labels(app, study.name, who=["Anna"]).classes == {"neuron": 2}
    assert agreed_labels(app, study.name, hows=["marker"]).classes == {"astrocyte": 1, "neuron": 1}
    assert agreed_labels(app, study.name, hows=["csv"]).sentence == "No cell is labelled."


@pytest.mark.parametrize(
    ("how", "drawn", "judges"),
    [
        ("hand", "uncertain", False),
        ("hand", "disagreeing", False),
        ("hand", "far", False),
        ("hand", "", False),
        ("hand", "random", True),
        ("map", "", False),
        ("blind", "random", True),
        ("marker", "", True),
        ("csv", "", True),
        ("population", "", True),
    ],
)
def test_what_somebody_picked_never_judges(study, how, drawn, judges):
    app, study = study
    add_labels(app, study.name, cells_of(app, study)[:1], "neuron", how, "Anna", drawn=drawn)
    assert list(agreed_labels(app, study.name).table["judges"]) == [judges]


def test_what_makes_no_sense_is_refused_by_name(study):
    app, study = study
    cell = cells_of(app, study)[0]
    with pytest.raises(WrongUse, match="does not have the cell c000099:1"):
        add_labels(app, study.name, [cell, "c000099:1"], "neuron", "hand", "Anna")
    with pytest.raises(WrongUse, match=cell.replace(":0", ":9999")):
        add_labels(app, study.name, [cell.replace(":0", ":9999")], "neuron", "hand", "Anna")
    with pytest.raises(WrongUse, match="labeller has no name"):
        add_labels(app, study.name, [cell], "neuron", "hand", " ")
    with pytest.raises(WrongUse, match="2 classes"):
        add_labels(app, study.name, [cell], ["a", "b"], "hand", "Anna")
    with pytest.raises(WrongUse, match="'guess'"):
        add_labels(app, study.name, [cell], "neuron", "guess", "Anna")
    assert not len(labels_of(app, study.name)) and labels_mark(app, study.study_id) == ""


def test_csv_goes_out_and_comes_in_again(study):
    app, study = study
    cells = cells_of(app, study)
    add_labels(app, study.name, cells[:3], "neuron", "hand", "Anna")
    out = labels_csv(app, study.name)
    columns = heads(out)
    assert columns[:6] == ["cell_id", "sample", "object_number", "class", "labeller", "labelled_at"]
    assert not unknown(columns, []) and columns[-3:] == MADE
    assert "label_state" in heads(labels_csv(app, study.name, history=True))
    undo_labels(app, study.name, "Anna")
    (done,) = read_labels(app, study.name, out, "labels.csv", "somebody")
    assert done.cells == 3 and set(said(app, study).values()) == {"neuron"}
    assert set(labels_of(app, study.name)["who"]) == {"Anna"} and set(labels_of(app, study.name)["how"]) == {"csv"}


def test_csv_by_sample_and_object_number_as_people_write_it(study):
    app, study = study
    name = study.samples[1].name
    add_labels(app, study.name, cells_of(app, study, 1)[:1], "neuron", "hand", "Anna")
    number = labels_of(app, study.name)["object_number"][0]
    data = f"Sample;Object;Label\n{name};{number};astrocyte\n".encode()
    read_labels(app, study.name, data, "mine.csv", "Ben")
    assert said(app, study)[cells_of(app, study, 1)[0], "Ben"] == "astrocyte"


def test_csv_with_unknown_cells_is_refused_as_a_whole_and_names_them(study):
    app, study = study
    name = study.samples[0].name
    good = cells_of(app, study)[0]
    data = f"cell_id,sample,object_number,class\n{good},,,neuron\n,{name},987654,neuron\n,nowhere,1,neuron\n"
    with pytest.raises(InputRefused) as caught:
        read_labels(app, study.name, data.encode(), "mine.csv", "Ben")
    assert f"object 987654 of {name} (row 3)" in str(caught.value) and "sample nowhere (row 4)" in str(caught.value)
    assert "no label of the file was taken in" in str(caught.value)
    assert not len(labels_of(app, study.name))
    with pytest.raises(InputRefused, match="needs the columns sample, object_number and class"):
        read_labels(app, study.name, b"sample,class\na,b\n", "mine.csv", "Ben")


def test_many_write_at_once_and_nothing_is_lost(study):
    app, study = study
    cells = cells_of(app, study)[:4]

    def label(who):
        for cell in cells:
            add_labels(app, study.name, [cell], "neuron", "hand", who)

    threads = [threading.Thread(target=label, args=(f"person {number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(labels_of(app, study.name)) == 6 * len(cells)
    path = app.folder.labels_path(study.study_id)
    assert len(acts_of(path)) == 6 * len(cells)


def test_large_acts_are_read_once_and_stand_in_their_order(study, monkeypatch):
    app, study = study
    monkeypatch.setattr("nscweb.services.labels.labels._LARGE", 2)
    first, second, third = cells_of(app, study)[:3]
    add_labels(app, study.name, [first], "small", "hand", "Anna")
    add_labels(app, study.name, [first, second], "large", "hand", "Anna")
    assert said(app, study) == {(first, "Anna"): "large", (second, "Anna"): "large"}
    add_labels(app, study.name, [second], "later", "hand", "Anna")
    add_labels(app, study.name, [third, second], "last", "hand", "Anna")
    undo_labels(app, study.name, "Anna")
    assert said(app, study) == {(first, "Anna"): "large", (second, "Anna"): "later"}
    assert list(history_of(app, study.name)["act"].sort_values()) == [1, 2, 2, 3, 4, 4]


def test_labels_go_along_when_studies_are_joined(study):
    app, study = study
    other = simulated_study(app, "Other (simulated)", cells=24, seed=2)
    cell = cells_of(app, other)[1]
    add_labels(app, other.name, [cell], "neuron", "hand", "Anna")
    add_labels(app, other.name, [cell], "astrocyte", "hand", "Anna")
    undo_labels(app, other.name, "Anna")
    add_labels(app, study.name, cells_of(app, study)[:1], "neuron", "hand", "Anna")
    number = int(labels_of(app, other.name)["object_number"][0])
    joined = merge_studies(app, study.name, other.name)
    rows = labels_of(app, joined.name)
    assert len(rows) == 2 and set(rows["class"]) == {"neuron"}
    moved = rows[rows["sample"] == joined.samples[len(study.samples)].name]
    assert list(moved["object_number"]) == [number]
    assert list(history_of(app, joined.name)["state"]).count("undone") == 1


def test_a_damaged_file_of_labels_is_told(study):
    app, study = study
    app.folder.labels_path(study.study_id).write_bytes(b"no database at all, but long enough to be read as one")
    with pytest.raises(StoreError, match=r"labels\.sqlite"):
        labels_of(app, study.name)


def test_a_study_without_labels_has_empty_tables(study):
    app, study = study
    assert isinstance(labels_of(app, study.name), pd.DataFrame) and not len(labels_of(app, study.name))
    assert not len(history_of(app, study.name))
    agreed = agreed_labels(app, study.name)
    assert agreed.classes == {} and not len(agreed.disputed)
