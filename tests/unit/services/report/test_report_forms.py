"""A report in every form says the same numbers as the services that the pages show, and other programs read it."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile

import flowio
import numpy as np
import openpyxl
import pandas as pd
import pytest
from asked import predict_study, report_data, write_report
from predicted import fresh_app, predicted
from small_studies import add_study

from nscweb.core.errors import WrongUse
from nscweb.core.flags import flag
from nscweb.core.samples import Sample
from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.files.html_document import machine_part
from nscweb.io.sheets.feature_tables import read_population
from nscweb.services.predict.lights import lights_of
from nscweb.services.predict.runs import prediction_table
from nscweb.services.report.origin import NOTICE, SIMULATED
from nscweb.services.report.parts import ALSO_COMPARED, COMPARED, PARTS
from nscweb.services.report.rerun_compare import compare_tables
from nscweb.services.report.rerun_folder import read_report

EVIL = '<img src=x onerror="alert(1)">&</script><b>'


@pytest.fixture(scope="module")
def data():
    found = predicted()
    return report_data(found.app, found.run, parts=True)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """form -> path."""
    found, folder = predicted(), tmp_path_factory.mktemp("forms")
    forms = ("html", "xlsx", "zip", "fcs-one")
    return {form: write_report(found.app, found.run, form, folder / f"report.{form}") for form in forms}


@pytest.mark.parametrize("form", ["html", "xlsx", "zip"])
def test_the_file_says_what_the_page_shows(data, written, form):
    stated = read_report(written[form])
    there = [name for name in (*COMPARED, *ALSO_COMPARED) if name in data.tables and form != "html"]
    assert set(stated.tables) == {*COMPARED, *there}
    assert stated.provenance["run"] == data.run.run_id
    assert stated.provenance["weights_sha256"] == data.run.provenance.weights_sha256
    assert len(stated.provenance["sheet"]) == 12
    for name in stated.tables:
        check = compare_tables(name, stated.tables[name], data.leaving()[name])
        assert check.different == (), check.different
        assert check.largest == 0.0
        assert check.rows == len(data.tables[name]) > 0


def test_the_tables_are_those_of_the_page(data):
    shares = data.found.estimates.table.pivot(index="sample_id", columns="class", values="ratio")
    samples = data.tables["Samples"].set_index("sample")
    for name in data.run.class_names:
        np.testing.assert_array_equal(samples[f"ratio_{name}"], shares[name].reindex(samples.index))
    np.testing.assert_array_equal(data.tables["Groups"]["mean"], data.found.groups["mean"])
    np.testing.assert_array_equal(data.tables["Tests"]["difference"], data.found.tests["difference"])


def test_the_numbers_that_people_read_in_the_page_are_those_of_the_table(data, written):
    page = written["html"].read_text("utf-8")
    for row in data.tables["Groups"].to_dict("records"):
        line = f'<td class="n">{100 * row["mean"]:.2f} [{100 * row["low"]:.2f}, '
        assert line in page


def test_the_page_is_complete_in_itself_and_says_first_what_must_be_read_first(data, written):
    page = written["html"].read_text("utf-8")
    assert len(page) < 500_000
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!#)", page)
    assert not re.search(r"url\(|@import", page)
    assert re.findall(r"<script[^>]*>", page) == ['<script type="application/json" id="nscweb-report">']
    assert "default-src 'none'" in page
    body = page[page.index("<body>") :]
    assert body.index("<thead>") < body.index(SIMULATED) < body.index(NOTICE) < body.index("<h1>")
    for title in ("The answer", "Groups compared", "does the model fit", "quality gates", "Model card", "Methods"):
        assert title in body
    assert "[1]" in body and "Wilson EB (1927)" in body


def test_names_of_users_stay_text(tmp_path):
    app = fresh_app(tmp_path)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (1, 45, 60)).astype(np.uint8) for _ in range(4)]
    samples = [(Sample(f"{EVIL}{i}", group=EVIL, time_h=24.0, replicate=EVIL), images) for i in range(2)]
    study = add_study(app, EVIL, samples, simulated=False)
    path = write_report(
        app, predict_study(app, study.name, "random"), "html", tmp_path / "r.html", filters=Filters(exclude_flags=())
    )
    page = path.read_text("utf-8")
    assert "<img" not in page and "<b>" not in page
    assert page.count("</script>") == 1
    made = machine_part(page)
    assert made is not None and made["provenance"]["study"] == EVIL
    assert "&lt;img src=x" in page
    assert SIMULATED not in page and NOTICE in page


def test_the_workbook_begins_with_what_made_it(data, written):
    book = openpyxl.load_workbook(written["xlsx"])
    assert book.sheetnames[:4] == ["About", "Columns", "Samples", "Groups"]
    assert len(list(book["Cells"].iter_rows())) == data.run.cells + 1
    text = [str(value) for row in book["About"].iter_rows(values_only=True) for value in row if value]
    assert text[1] == SIMULATED
    for wanted in (data.run.provenance.weights_sha256, data.run.provenance.cells_sha256):
        assert wanted in text
    assert book["provenance"].sheet_state == "hidden"


def test_every_sheet_can_be_opened_and_read(data, written):
    book = openpyxl.load_workbook(written["xlsx"])
    shown = [name for name in book.sheetnames if name not in ("About", "Columns", "Cells", "provenance")]
    tables = data.leaving()
    assert set(shown) == set(tables)
    assert all(len(name) <= 31 for name in book.sheetnames)
    about = {str(row[0]): str(row[1]) for row in book["About"].iter_rows(max_col=2, values_only=True)}
    for name in shown:
        sheet, table = book[name], tables[name]
        assert about[name] and sheet.freeze_panes in ("A2", "B2") and sheet.column_dimensions["A"].width >= 3
        assert sheet.max_row == len(table) + 1
        for head in sheet[1]:
            assert head.font.bold
            assert name == "Sample sheet" or (head.comment and head.comment.text), (name, head.value)
        # No cell is a formula; numbers are numbers with a format, and those of the CSV to the last digit.
        for number, column in enumerate(table.columns, start=1):
            cells = [sheet.cell(row, number) for row in range(2, sheet.max_row + 1)]
            assert all(cell.data_type != "f" for cell in cells)
            if table[column].dtype.kind == "f":
                values = [np.nan if cell.value is None else cell.value for cell in cells]
                np.testing.assert_array_equal(values, table[column].to_numpy(float))
    assert book["Groups"]["G2"].number_format == book["Fig means"]["E2"].number_format == "0.00"
    explained = {row[0].value for row in book["Columns"].iter_rows(min_row=2)}
    heads = {head.value for name in (*shown, "Cells") for head in book[name][1]}
    assert explained == heads


def test_what_is_missing_is_told_with_its_reason(data, written):
    assert {*data.tables, *data.missing} == {part.name for part in PARTS}
    with zipfile.ZipFile(written["zip"]) as archive:
        readme = archive.read("README.txt").decode("utf-8")
        made = json.loads(archive.read("provenance.json"))
        for name, why in data.missing.items():
            assert why and f"{name}: {why}" in readme and made["not_made"][name] == why
        for name in archive.namelist():
            if name in made["sha256_of_files"]:
                assert hashlib.sha256(archive.read(name)).hexdigest() == made["sha256_of_files"][name]
        assert "sample_sheet.csv" in made["sha256_of_files"]
    book = openpyxl.load_workbook(written["xlsx"], read_only=True)
    told: dict[str, str] = {}
    for key, value in book["About"].iter_rows(max_col=2, values_only=True):
        told.setdefault(str(key), str(value))
    assert all(told[name] == why for name, why in data.missing.items())
    for wanted in ("filters", "method", "the answer is about", "compared with", "p values adjusted by"):
        assert told[wanted] and f"{wanted}: {told[wanted]}" in readme


def test_scores_and_gates_of_every_cell_are_in_the_fcs_file(written):
    found = predicted()
    table = prediction_table(found.app, found.run)
    read = flowio.FlowData(str(written["fcs-one"]))
    values = pd.DataFrame(np.reshape(read.events, (-1, read.channel_count)), columns=read.pnn_labels)
    assert not any("_" in name for name in read.pnn_labels)
    np.testing.assert_array_equal(values["ObjectNumber"], table["object_number"])
    for name in found.run.class_names:
        np.testing.assert_array_equal(values[f"Score{name.capitalize()}"].astype(np.float32), table[f"p_{name}"])
    names = np.array(["", *found.run.class_names])[values["PredictedClass"].astype(int)]
    np.testing.assert_array_equal(names, table["predicted"].astype(str))
    np.testing.assert_array_equal(values["GateBorder"] == 1, table["flags"] & flag("border").bit > 0)
    assert int(values["Counted"].sum()) == report_data(found.app, found.run).found.data.kept
    np.testing.assert_array_equal(values["HoursInduced"], table["time_h"])
    lights = np.array(["", "green", "yellow", "red"])[values["FitLight"].astype(int)]
    judged = lights_of(found.run)
    assert lights.tolist() == [judged.get(str(name), "") for name in table["sample_id"]]
    assert read.data_type == "F" and read.version == "3.1"
    assert read.text["nscfilters"].startswith("none") and read.text["nscsimulated"] == "yes"
    assert read.text["nscweightssha256"] == found.run.provenance.weights_sha256


def test_the_zip_holds_populations_and_fcs_files_of_each_sample(written):
    found = predicted()
    table = prediction_table(found.app, found.run)
    with zipfile.ZipFile(written["zip"]) as archive:
        lists = pd.read_csv(io.BytesIO(archive.read("pop/populations.csv")))
        assert set(lists["population"]) == {*found.run.class_names, "left_out"}
        assert lists["cells"].sum() == found.run.cells
        for row in lists.to_dict("records"):
            numbers, broken = read_population(archive.read(f"pop/{row['file']}"), row["file"])
            assert (len(numbers), broken) == (row["object_numbers"], 0)
            if row["population"] != "left_out":
                here = table[(table["sample_id"] == row["sample"]) & (table["predicted"] == row["population"])]
                assert numbers <= set(here["object_number"])
        parts = pd.read_csv(io.BytesIO(archive.read("fcs/samples.csv")))
        read = flowio.FlowData(io.BytesIO(archive.read(f"fcs/{parts['file'][0]}")))
        assert read.event_count == parts["cells"][0] == (table["sample_id"] == parts["sample"][0]).sum()
        assert {"report.html", "report.xlsx", "tests.csv", "fit.csv", "replicates.csv"} <= set(archive.namelist())
        assert any(name.startswith("figures/") for name in archive.namelist())
        assert len(pd.read_csv(io.BytesIO(archive.read("cells.csv")))) == found.run.cells
        assert json.loads(archive.read("provenance.json"))["counting"]["asked"] == "pacc"


def test_an_unknown_form_is_refused(tmp_path):
    found = predicted()
    with pytest.raises(WrongUse, match="'pdf'"):
        write_report(found.app, found.run, "pdf", tmp_path / "x.pdf")
