"""Every table of every file of a run: each column is explained, and each line says what made it."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import openpyxl
import pytest
from asked import write_report
from columns_known import MADE, heads, unknown
from predicted import predicted

from nscweb.services.report.export import tables
from nscweb.services.report.features import features_csv

# Tables that say nothing of predicted cells.
NOT_MADE = ("sample_sheet.csv", "columns.csv", "Sample sheet", "Columns")


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    found, folder = predicted(), tmp_path_factory.mktemp("forms")
    wanted = ("zip", "xlsx", "fcs", "pop", "cells")
    return {form: write_report(found.app, found.run, form, folder / f"r.{form}") for form in wanted}


@pytest.mark.parametrize("form", ["zip", "fcs", "pop"])
def test_every_table_of_a_zip_is_explained_in_it(forms: dict[str, Path], form: str) -> None:
    with zipfile.ZipFile(forms[form]) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if name.endswith(".csv")}
        made = json.loads(archive.read("provenance.json"))
    assert len(made["weights_sha256"]) == 64 and made["gates"]["sentence"] and made["filters_in_words"]
    told = io.StringIO(files["columns.csv"].decode("utf-8"))
    explained = {line.split(",")[0] for line in told.read().splitlines()[1:]}
    there = set()
    for name, content in files.items():
        columns = heads(content)
        assert unknown(columns, predicted().run.class_names) == [], name
        if name not in NOT_MADE:
            assert columns[-3:] == MADE, name
        there |= set(columns) if name != "columns.csv" else set()
    assert there <= explained


def test_every_sheet_of_the_workbook_is_explained_in_it(forms: dict[str, Path]) -> None:
    book = openpyxl.load_workbook(forms["xlsx"], read_only=True)
    explained = {row[0] for row in book["Columns"].iter_rows(min_row=2, max_col=1, values_only=True)}
    assert book.sheetnames[0] == "About"
    for name in set(book.sheetnames) - {"About", "provenance"}:
        columns = [str(value) for value in next(book[name].iter_rows(max_row=1, values_only=True))]
        assert unknown(columns, predicted().run.class_names) == [], name
        assert name in NOT_MADE or columns[-3:] == MADE, name
        assert name == "Columns" or set(columns) <= explained, name


def test_cells_features_and_exports_are_explained(forms: dict[str, Path]) -> None:
    found = predicted()
    files = {"cells": forms["cells"].read_bytes(), "features": features_csv(found.app, found.study.name)}
    files |= {name: data for name, data in tables(found.app, found.run).items() if name.endswith(".csv")}
    for name, content in files.items():
        columns = heads(content)
        assert unknown(columns, found.run.class_names) == [], name
        assert name in NOT_MADE or columns[-3:] == MADE, name
