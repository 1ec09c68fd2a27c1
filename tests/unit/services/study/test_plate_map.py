"""A plate map pasted out of a spreadsheet: grids with and without sides, lists, several plates."""

from __future__ import annotations

import pytest
from small_studies import simulated_study

from nscweb.core.errors import WrongUse
from nscweb.services.context import App
from nscweb.services.study.plate_map import apply_plate_map, plate_table, plates_of, read_plate_map
from nscweb.services.study.study import get_study


@pytest.mark.parametrize(
    "text",
    [
        "NT3\tRA\n\tNT4",
        "\t1\t2\nA\tNT3\tRA\nB\t\tNT4\n",
        "A\tNT3\tRA\nB\t\tNT4",
        "1\t2\nNT3\tRA\n\tNT4",
        "A1\tNT3\nA02\tRA\nb2\tNT4",
        "well;group\nA01;NT3\nA02;RA\nB02;NT4\n",
        "A1 NT3\nA2 RA\nB2 NT4",
        ",1,2\r\nA,NT3,RA\r\nB,,NT4\r\n",
    ],
)
def test_a_map_is_read_however_it_is_pasted(text: str) -> None:
    assert read_plate_map(text) == {"A1": "NT3", "A2": "RA", "B2": "NT4"}


@pytest.mark.parametrize("text", ["", "\n\n", "\n".join(["x\ty"] * 17), "\t".join("x" * 25)])
def test_what_is_no_plate_is_refused(text: str) -> None:
    with pytest.raises(WrongUse):
        read_plate_map(text)


def with_wells(app: App, plate: str = "") -> str:
    study = simulated_study(app, cells=36)
    samples = []
    for number, sample in enumerate(study.samples):
        extra = (("well", f"A{number // 2 + 1 if plate else number + 1:02}"),)
        if plate:
            extra += (("plate", "P1" if number % 2 else "P2"),)
        samples.append(sample.with_changes(extra=extra))
    app.catalogue.update_samples(study.study_id, samples)
    return study.name


def test_samples_take_the_values_of_their_wells(opened: App) -> None:
    name = with_wells(opened)
    before = get_study(opened, name).samples
    update = apply_plate_map(opened, name, "group", "X\tY\nZ")
    assert [sample.group for sample in update.study.samples[:2]] == ["X", "Y"]
    assert update.study.samples[2:] == before[2:] and update.changed == 2
    assert [finding.where for finding in update.findings if finding.code == "W-SHEET-NO-WELL"] == ["B1"]
    doses = apply_plate_map(opened, name, "dose", "5 µM\t10 µM").study
    assert dict(doses.samples[1].extra)["dose"] == "10 µM"
    assert plate_table(doses, "dose").loc["A", "2"] == "10 µM" and plate_table(doses, "group").loc["A", "1"] == "X"
    assert apply_plate_map(opened, name, "time", "3").bare_times


def test_each_plate_has_its_own_map(opened: App) -> None:
    name = with_wells(opened, plate="yes")
    study = get_study(opened, name)
    assert set(plates_of(study)) == {"P1", "P2"}
    with pytest.raises(WrongUse, match="which plate"):
        apply_plate_map(opened, name, "group", "X")
    after = apply_plate_map(opened, name, "group", "X", "P2").study
    assert (after.samples[0].group, after.samples[1].group) == ("X", study.samples[1].group)


def test_a_study_without_wells_says_what_is_missing(opened: App) -> None:
    study = simulated_study(opened, cells=36)
    with pytest.raises(WrongUse, match="has a well"):
        apply_plate_map(opened, study.name, "group", "X")
