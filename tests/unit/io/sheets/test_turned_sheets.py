"""Sheets with a sample in each column, and values that a spreadsheet made dates of."""

from __future__ import annotations

import pytest

from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog
from nscweb.core.samples import Sample
from nscweb.io.sheets.sample_sheets import join_sheet, read_sheet
from nscweb.io.sheets.sheet_values import before_date

STUDY = [Sample("NT3_1d_r1"), Sample("RA_1d_r1"), Sample("RA_1d_r2")]
NAMES = [sample.name for sample in STUDY]


def joined(text: str) -> tuple[list[Sample], FindingLog]:
    log = FindingLog()
    return join_sheet(STUDY, read_sheet(text.encode(), "s.csv", log, samples=STUDY), log).samples, log


@pytest.mark.parametrize("corner", ["sample", "Probe", ""])
@pytest.mark.parametrize("titles", [("group", "time"), ("Gruppe", "Zeit"), ("treatment", "time")])
def test_a_sheet_with_samples_in_columns_is_read_and_told(corner: str, titles: tuple[str, str]) -> None:
    lines = [[corner, *NAMES], [titles[0], "NT3", "RA", "RA"], [titles[1], "1 d", "24 h", "3 d"]]
    samples, log = joined("\n".join(map(",".join, lines)))
    assert [(sample.group, sample.time_h) for sample in samples] == [("NT3", 24), ("RA", 24), ("RA", 72)]
    assert "W-SHEET-TURNED" in {finding.code for finding in log}


def test_a_sheet_that_is_not_simple_is_refused_by_its_own_reason() -> None:
    text = "\n".join([",".join(["", *NAMES]), "what it got,NT3,RA,RA", "how long,1 d,1 d,1 d"])
    with pytest.raises(InputRefused, match="samples in columns") as caught:
        joined(text)
    assert caught.value.code == "E-SHEET-TURNED" and "transposed" in caught.value.todo


@pytest.mark.parametrize(
    "text",
    [
        "sample,group,time\nNT3_1d_r1,NT3,1 d\nRA_1d_r1,RA,1 d\nRA_1d_r2,RA,1 d",
        "sample,group\nNT3_1d_r1,control\nRA_1d_r1,time\nRA_1d_r2,group",
        "NT3_1d_r1,NT3\nRA_1d_r1,RA\nRA_1d_r2,RA",
    ],
)
def test_other_sheets_are_not_turned(text: str) -> None:
    samples, log = joined(text)
    assert "W-SHEET-TURNED" not in {finding.code for finding in log} and len(samples) == 3


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("2021-01-02", ("1/2", "2/1")),
        ("2021-01-02 00:00:00", ("1/2", "2/1")),
        ("02-Jan", ("1/2", "2/1")),
        ("Jan 02", ("1/2", "2/1")),
        ("3. Mär", ("3/3",)),
        ("1/2/2021", ("1/2", "2/1")),
        ("05-Okt-21", ("10/5", "5/10")),
        ("1", ()),
        ("A", ()),
    ],
)
def test_what_a_date_likely_was(text: str, before: tuple[str, ...]) -> None:
    assert before_date(text) == before
