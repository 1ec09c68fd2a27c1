"""The dictionary of columns: names, patterns, digits, and the table of names inside."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nscweb.core.column_names import INSIDE, outgoing_name
from nscweb.core.columns import COLUMNS, column, dictionary, heading, label, pattern_of
from nscweb.figures.flag_counts import quality_funnel_data
from nscweb.figures.gate_histogram import gate_histogram_data
from nscweb.figures.model_history import training_curves_data
from nscweb.files.outgoing import MadeBy, columns_table, outgoing, rounded
from nscweb.services.report.sample_tables import _BY_CLASS


def test_a_pattern_holds_for_every_class_and_the_longest_ending_wins() -> None:
    assert column("neuron_low_percent").meaning == "lower end of the 95 % interval of neuron_percent"
    assert column("neuron_percent").heading == "neuron (%)"
    assert pattern_of("left_out_border")[1] == "border"
    assert column("my own column") is None and label("my own column") == "my own column"
    assert heading("mean_percent") == "Mean (%)" and heading("class") == "Class"


@pytest.mark.parametrize("row", COLUMNS.values(), ids=str)
def test_a_row_says_what_it_is_and_its_name_carries_the_unit(row) -> None:
    assert row.label and row.meaning and not row.meaning.endswith(".")
    endings = {"%": ("_percent", "percent", "gradient_rms"), "points": ("_points",), "h": ("_h",), "µm": ("_um",)}
    if row.unit in endings:
        # An end of an interval may follow: sorted_percent_low.
        assert re.sub("_(low|high)$", "", row.name).endswith(endings[row.unit])
        assert row.digits == (-6 if row.unit == "h" else 2)
    if row.name.startswith("p_"):
        assert row.digits == -4
    assert not {"naive", "recovered", "single"} & set(row.name.split("_"))


def test_everything_that_is_renamed_has_a_row() -> None:
    for table, inside in INSIDE.items():
        for names in (inside.names, inside.fractions):
            assert not [name for name in names.values() if column(name) is None], table
        for stems in (inside.stems, inside.stem_fractions):
            assert not [name for name in stems.values() if column(name.format("x")) is None], table
        for name in inside.fractions.values():
            assert column(name).unit in ("%", "points"), (table, name)


def test_the_exit_renames_scales_rounds_and_says_what_made_it() -> None:
    frame = pd.DataFrame(
        {
            "group": ["a", "=b"],
            "mean": [0.55836165, np.nan],
            "recovered": [True, False],
            "p_single": [1.23456e-7, 0.0312345],
            "mine": [1.23456789, 2.0],
        }
    )
    out = outgoing(frame, "Groups", MadeBy("m 1.0", "r000001", True))
    assert list(out) == ["group", "mean_percent", "ratio_known", "p_unadjusted", "mine", "model", "run", "simulated"]
    assert out["mean_percent"][0] == 55.84 and math.isnan(out["mean_percent"][1])
    assert out["ratio_known"].tolist() == ["yes", "no"] and set(out["simulated"]) == {"yes"}
    assert out["p_unadjusted"].tolist() == [1.235e-7, 0.03123] and out["mine"][0] == 1.23456789
    pd.testing.assert_frame_equal(outgoing(out, "Groups"), out)
    assert outgoing(frame, "Groups")["group"].tolist() == ["a", "=b"]
    assert outgoing(frame.iloc[:0], "Groups", MadeBy()).columns[-1] == "simulated"


def test_numbers_have_their_digits() -> None:
    assert rounded(0.000123456, -4) == 0.0001235 and rounded(12345.6, -4) == 12350 and rounded(-1.005, 1) == -1.0
    assert math.isinf(rounded(math.inf, 2)) and rounded(0.0, -4) == 0.0
    assert str(outgoing(pd.DataFrame({"difference": [-1e-9]}))["difference_points"][0]) == "0.0"


def test_no_p_value_is_rounded_over_the_line_that_decides() -> None:
    shown = outgoing(pd.DataFrame({"p_adjusted": [0.0499999, 0.0500001, 0.05, np.nan]}))["p_adjusted"]
    assert (shown < 0.05).tolist() == [True, False, False, False]


def test_names_mean_one_thing_wherever_they_come_from() -> None:
    assert outgoing_name("low", "Groups") == ("low_percent", 100.0)
    assert outgoing_name("low", "Odds") == ("odds_ratio_low", 1.0)
    assert outgoing_name("low", "Fig means") == ("low_percent", 1.0)
    assert outgoing_name("naive_low_neuron", "Samples") == ("neuron_counted_low_percent", 100.0)
    assert outgoing_name("p_neuron", "Cells") == ("neuron_score", 1.0)
    assert outgoing_name("p", "Tests") == ("p_adjusted", 1.0) and outgoing_name("p") == ("p_unadjusted", 1.0)


def test_data_of_figures_of_the_study_are_explained() -> None:
    flags = {"sample": ["a"], "imported": [4], "kept": [3], "border": [1], "border_alone": [2]}
    tables = {
        "Funnel of flags": quality_funnel_data(pd.DataFrame(flags)),
        "Gate": gate_histogram_data(np.array([0.0, 1.0]), np.array([1]), np.array([2])),
        "Training curves": training_curves_data([{"epoch": 1, "train_loss": 1.0, "validation_accuracy": 0.5}]),
    }
    for name, table in tables.items():
        assert [column for column in outgoing(table, name) if column not in COLUMNS] == [], name


def test_the_dictionary_of_a_file_names_its_tables_and_columns_of_the_user() -> None:
    table = columns_table({"a.csv": ["group", "neuron_percent"], "b.csv": ["group", "mine"]})
    assert table["column"].tolist() == ["group", "neuron_percent", "mine"]
    assert table["tables"].tolist() == ["a.csv, b.csv", "a.csv", "b.csv"]
    assert table["meaning"].iloc[-1] == "of your own sample sheet"
    assert dictionary([]) == []


def test_no_other_dictionary_of_meanings_exists(project: Path) -> None:
    old = re.compile("_for_people|_MEANINGS|column_meanings|meanings_frame|_HELP: dict|figure_csv|with_gates")
    for path in (project / "nscweb").rglob("*.py"):
        assert not old.search(path.read_text("utf-8")), path
    # A meaning is said once: no sentence of the dictionary stands in the code again.
    said = [row.meaning for row in COLUMNS.values() if len(row.meaning) > 70 and "{" not in row.meaning]
    code = "".join(path.read_text("utf-8") for path in (project / "nscweb").rglob("*.py"))
    assert not [text for text in said if text in code]


def test_tables_leave_by_the_one_exit(project: Path) -> None:
    # What writes a table calls `outgoing`, or hands on one that went through it.
    writers = {
        "files/plain_tables.py",
        "papers/reproduce.py",
        "services/cells/outlines.py",
        "services/evaluate/metrics_files.py",
        "services/evaluate/two_runs.py",
        "services/labels/labels_csv.py",
        "services/labels/marker_table.py",
        "services/report/export.py",
        "services/report/report.py",
        "ui/evaluate/two_runs_view.py",
    }
    root = project / "nscweb"
    texts = {path.relative_to(root).as_posix(): path.read_text("utf-8") for path in root.rglob("*.py")}
    found = {name for name, text in texts.items() if "csv_bytes(" in text}
    # The sample sheet and the list of skipped files are those of the user, to be imported again.
    assert found - {"services/study/sheet.py", "services/study/study.py"} <= writers, found - writers
    inside = ("papers/trainings.py", "files/plain_tables.py")
    assert not [name for name, text in texts.items() if ".to_csv(" in text and name not in inside]


@pytest.mark.parametrize(
    "name", ["neuron_low", "low", "counted", "x_counted_high", "mean", "highest", "file: a", "mode_1"]
)
def test_a_class_never_takes_the_column_of_something_else(name: str) -> None:
    inside = INSIDE["Samples"]
    forms = [("Samples", start) for start in (*inside.stems, *inside.stem_fractions)] + [("Cells", "p_")]
    for table, start in forms:
        called, _ = outgoing_name(f"{start}{name}", table)
        found = pattern_of(called)
        assert called not in COLUMNS and found is not None and found[1] == f'"{name}"'
        assert called != outgoing_name(f"{start}neuron", table)[0]


def test_classes_that_begin_like_a_column_keep_their_numbers() -> None:
    classes = ("grade", "low_grade", "high_grade")
    names = [outgoing_name(f"{start}_{name}", "Samples")[0] for name in classes for start in _BY_CLASS.values()]
    assert len(set(names)) == len(names) == 21
    assert {"low_grade_counted_percent", "high_grade_counted_low_percent", "grade_counted_low_percent"} < set(names)
