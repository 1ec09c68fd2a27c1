"""Times in a sheet that say no unit: asked about, and understood where the title of their column says it."""

from __future__ import annotations

import pytest

from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.core.samples import Sample
from nscweb.io.sheets.sample_sheets import Joined, join_sheet, read_sheet


def joined(text: str) -> tuple[Joined, set[str]]:
    log, samples = FindingLog(), [Sample("A")]
    rows = read_sheet(text.encode(), "s.csv", log, Limits(), samples=samples)
    return join_sheet(samples, rows, log), {finding.code for finding in log}


@pytest.mark.parametrize("written", ["24", "t24", "T=24", "tp 24", "Zeit: 24"])
def test_a_time_without_unit_is_asked_about_however_it_is_written(written: str) -> None:
    found, codes = joined(f"sample,time\nA,{written}\n")
    assert found.bare_times == {"A": "24"} and "E-SHEET-TIME-UNIT" in codes
    found, _ = joined(f"sample,time (h)\nA,{written}\n")
    assert found.samples[0].time_h == 24.0 and not found.bare_times


@pytest.mark.parametrize("written", ["t-24", "24 h", "t24h", "rep 24", "t"])
def test_other_times_are_no_numbers_without_a_unit(written: str) -> None:
    assert not joined(f"sample,time\nA,{written}\n")[0].bare_times
