"""Labels from populations, from FCS that came back by object number, and from the sample sheet."""

from __future__ import annotations

import io

import numpy as np
import pytest
from predicted import predicted_app

from nscweb.core.errors import InputRefused, WrongUse
from nscweb.files.fcs import Channel, write_fcs
from nscweb.io.sheets.fcs_events import read_fcs
from nscweb.services.labels.agreed import agreed_labels
from nscweb.services.labels.known_labels import label_by_fcs, label_by_populations, label_by_sheet
from nscweb.services.labels.labels import labels_of, object_numbers
from nscweb.services.predict.runs import prediction_table
from nscweb.services.report.fcs_files import write_fcs_file
from nscweb.services.study.populations import set_classes_of_populations
from nscweb.services.train.class_sources import sources_of
from nscweb.store.further_columns import FurtherColumns, write_columns


@pytest.fixture
def own(tmp_path):
    app, study, run = predicted_app(tmp_path)
    for sample in study.samples:
        further = FurtherColumns()
        for row in range(sample.cells):
            further.add([["GFAP+"], ["NeuN+"], ["GFAP+", "NeuN+"], []][row % 4], {})
        key = app.catalogue.sample_keys(study.study_id)[sample.name]
        write_columns(app.folder.columns_path(study.study_id, key), further)
    return app, study, run


def fcs(channels: dict[str, np.ndarray], **keywords: str) -> bytes:
    stream = io.BytesIO()
    write_fcs(stream, [Channel(name, name, values) for name, values in channels.items()], keywords)
    return stream.getvalue()


def test_populations_become_labels_and_train(own):
    app, study, _ = own
    classes = {"GFAP+": "astrocyte", "NeuN+": "neuron"}
    done = label_by_populations(app, study.name, classes)
    rows = labels_of(app, study.name)
    wanted = rows["cell_id"].str.rpartition(":")[2].astype(int).mod(4).map({0: "astrocyte", 1: "neuron"})
    assert list(rows["class"]) == list(wanted) and done.cells == len(rows)
    assert "in populations of different classes left out" in done.sentence
    assert set(rows["how"]) == {"population"} and set(rows["who"]) == {"populations"} and rows["judges"].all()
    assert sum(len(source.rows) for source in sources_of(app, study, labels=("population",))) == len(rows)
    set_classes_of_populations(app, study.name, {"GFAP+": "glia"})
    label_by_populations(app, study.name)
    assert set(labels_of(app, study.name)["class"]) == {"glia"}
    with pytest.raises(WrongUse, match="no population CD3"):
        label_by_populations(app, study.name, {"CD3": "T cell"})
    with pytest.raises(WrongUse, match="stands for a class"):
        label_by_populations(app, study.name, {})


def test_the_sheet_becomes_labels_of_every_cell(own):
    app, study, _ = own
    assert label_by_sheet(app, study.name).cells == study.cells
    truths = {sample.name: sample.true_class for sample in study.samples}
    rows = labels_of(app, study.name)
    assert list(rows["class"]) == [truths[name] for name in rows["sample"]] and set(rows["how"]) == {"sheet"}


def test_a_population_comes_back_from_flow_cytometry_software_by_object_number(own):
    app, study, run = own
    stream = io.BytesIO()
    write_fcs_file(app, run, stream)
    everything = read_fcs(stream.getvalue(), "run.fcs")
    table = prediction_table(app, run)
    assert np.array_equal(everything.column("objectnumber"), table["object_number"])
    # What somebody gates: cells that the model calls neuron; the program exports their events.
    gated = everything.values[everything.column("PredictedClass") == 1]
    back = fcs({name: gated[:, place] for place, name in enumerate(everything.names)})
    done = label_by_fcs(app, study.name, back, "gate.fcs", "positive", "FlowJo")
    expected = table[table["predicted"].astype(str) == run.class_names[0]]
    assert done.cells == len(expected)
    assert set(labels_of(app, study.name)["cell_id"]) == set(expected["cell_id"].astype(str))
    assert agreed_labels(app, study.name).classes == {"positive": len(expected)}


def test_the_sample_of_an_fcs_file_is_that_of_its_keyword_or_the_one_that_is_named(own):
    app, study, _ = own
    name = study.samples[2].name
    numbers = object_numbers(app, study.study_id, app.catalogue.sample_keys(study.study_id)[name])[:3]
    label_by_fcs(app, study.name, fcs({"ObjectNumber": numbers}, **{"$SMNO": name}), "a.fcs", "x", "Ben")
    assert set(labels_of(app, study.name)["sample"]) == {name}
    with pytest.raises(InputRefused, match="does not say which sample"):
        label_by_fcs(app, study.name, fcs({"ObjectNumber": numbers}), "a.fcs", "x", "Ben")
    other = study.samples[3].name
    before = len(labels_of(app, study.name))
    with pytest.raises(InputRefused, match=f"object 999999 of {other}"):
        label_by_fcs(app, study.name, fcs({"ObjectNumber": np.array([999_999])}), "a.fcs", "x", "Ben", sample=other)
    assert len(labels_of(app, study.name)) == before
    with pytest.raises(InputRefused, match="of the sample elsewhere"):
        label_by_fcs(app, study.name, fcs({"ObjectNumber": numbers}, **{"$SMNO": "elsewhere"}), "a.fcs", "x", "Ben")
    with pytest.raises(InputRefused, match="no cells with an object number; its channels are Area"):
        label_by_fcs(app, study.name, fcs({"Area": numbers}), "a.fcs", "x", "Ben")


@pytest.mark.parametrize("cut", [10, 57, 200, -20])
def test_a_file_that_is_cut_off_is_refused(cut):
    whole = fcs({"ObjectNumber": np.arange(50)})
    with pytest.raises(InputRefused, match="cannot be read as FCS"):
        read_fcs(whole[:cut], "cut.fcs")
    with pytest.raises(InputRefused, match="does not begin"):
        read_fcs(b"PK" + whole, "zip.fcs")


def test_whole_numbers_and_the_other_order_of_bytes_are_read():
    text = b"|$BYTEORD|4,3,2,1|$DATATYPE|I|$MODE|L|$PAR|2|$TOT|2|$P1N|Object Number|$P1B|32|$P2N|a||b|$P2B|16|"
    begin = 58 + len(text)
    header = b"FCS3.0    " + b"".join(b"%8d" % place for place in (58, begin - 1, begin, begin + 11, 0, 0))
    data = np.array([(7, 300), (70000, 2)], np.dtype([("a", ">u4"), ("b", ">u2")])).tobytes()
    found = read_fcs(header + text + data, "whole.fcs")
    assert found.names == ("Object Number", "a|b")
    assert np.array_equal(found.values, [[7, 300], [70000, 2]])
