"""Sample sheets as laboratories write them: what is clear is understood and told, what is not is asked back."""

from __future__ import annotations

import io

import openpyxl
import pytest

from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog
from nscweb.core.samples import Sample
from nscweb.io.sheets.sample_sheets import apply_sheet, read_sheet
from nscweb.io.sheets.sheet_writing import write_sheet_csv, write_sheet_xlsx

TEXTS = ["1E5", "001", "NA", "SEPT2", "TRUE", "1-2", "12:30", "+4", "N/A", "1.0", "=A1", "0x1F", "٣", "½"]


def xlsx(rows: list[list[object]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-mark", "utf-16-be-mark", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_way_of_saving_a_table_gives_the_same_table(codec: str, separator: str, end: str) -> None:
    rows = [["sample", "group", "time", "dose µM"], ["é1", "RA+SHH", "0.5 d", "2.5"], ["b", "NT3", "3 d", "x y"]]
    text = end.join(separator.join(row) for row in rows) + end
    marks = {"utf-16-le-mark": b"\xff\xfe", "utf-16-be-mark": b"\xfe\xff"}
    data = marks.get(codec, b"") + text.encode(codec.removesuffix("-mark"))
    log = FindingLog()
    read = read_sheet(data, "s.csv", log)
    filled = apply_sheet([Sample("é1"), Sample("b")], read, log)
    assert [(s.group, s.time_h, dict(s.extra)) for s in filled] == [
        ("RA+SHH", 12.0, {"dose µM": "2.5"}),
        ("NT3", 72.0, {"dose µM": "x y"}),
    ]
    assert [finding.code for finding in log] == ["N-SHEET-READ"]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_text_that_looks_like_numbers_and_dates_stays_text_through_a_round_trip(kind: str) -> None:
    samples = [Sample(f"s{n}", replicate=text, donor=text, extra=(("code", text),)) for n, text in enumerate(TEXTS)]
    data = write_sheet_csv(samples) if kind == "csv" else write_sheet_xlsx(samples)
    log = FindingLog()
    filled = apply_sheet([Sample(s.name) for s in samples], read_sheet(data, f"s.{kind}", log), log)
    assert [(s.replicate, s.donor, dict(s.extra)["code"]) for s in filled] == [(text, text, text) for text in TEXTS]
    text_rows = read_sheet(
        ("sample,code\n" + "".join(f"s{n},{t}\n" for n, t in enumerate(TEXTS))).encode(), "s.csv", log
    )
    assert [row.extra[0][1] for row in text_rows] == TEXTS


@pytest.mark.parametrize(("text", "hours"), [("0,5 d", 12.0), ("1,5 h", 1.5), ("0,125 d", 3.0), ("12,25h", 12.25)])
def test_a_decimal_comma_is_understood_and_told(text: str, hours: float) -> None:
    log = FindingLog()
    rows = read_sheet(f"sample;time\na;{text}\n".encode(), "s.csv", log)
    assert apply_sheet([Sample("a")], rows, log)[0].time_h == hours
    (told,) = (finding for finding in log if finding.code == "N-SHEET-COMMA")
    assert "decimal comma" in told.message and text in told.where


@pytest.mark.parametrize("text", ["1,500 h", "12,000 h", "1,000 d"])
def test_a_comma_that_may_mean_thousands_is_asked_back(text: str) -> None:
    log = FindingLog()
    rows = read_sheet(f"sample;time\na;{text}\n".encode(), "s.csv", log)
    assert apply_sheet([Sample("a", time_h=5.0)], rows, log)[0].time_h == 5.0
    (refused,) = (finding for finding in log if finding.level == "warn")
    assert refused.code == "E-SHEET-TIME" and "thousands" in refused.message and refused.where == f"row 2, a: {text}"


def test_nothing_is_dropped_silently() -> None:
    log = FindingLog()
    rows = read_sheet(b"sample,group,note\na,x\n,y,z\nnobody,q,\n\n", "s.csv", log)
    apply_sheet([Sample("a"), Sample("lonely")], rows, log)
    found = [(finding.code, finding.where) for finding in log if finding.level == "warn"]
    assert found == [
        ("W-SHEET-RAGGED", "s.csv, row 2: 2 of 3 columns"),
        ("W-SHEET-NO-NAME", "row 3"),
        ("W-SHEET-NO-SAMPLE", "row 4, nobody"),
        ("W-SHEET-NO-ROW", "lonely"),
    ]


def test_a_sheet_that_names_no_sample_is_refused() -> None:
    with pytest.raises(InputRefused, match="names a sample"):
        read_sheet(b"sample,group\n,NT3\n,RA\n", "s.csv", FindingLog())


def test_names_that_differ_only_in_case_are_joined_only_when_that_is_clear() -> None:
    log = FindingLog()
    rows = read_sheet(b"sample,group\nRA_1D,x\n", "s.csv", log)
    assert apply_sheet([Sample("ra_1d")], rows, log)[0].group == "x"
    with pytest.raises(InputRefused, match="No row of the sheet"):
        apply_sheet([Sample("ra_1d"), Sample("Ra_1d")], rows, log)


def test_the_sheet_of_a_workbook_that_is_hidden_is_not_read() -> None:
    book = openpyxl.Workbook()
    book.active.append(["sample", "group"])
    book.active.append(["secret", "x"])
    book.active.sheet_state = "hidden"
    shown = book.create_sheet("shown")
    for row in (["sample", "group"], ["a", "NT3"]):
        shown.append(row)
    out = io.BytesIO()
    book.save(out)
    log = FindingLog()
    assert [row.sample for row in read_sheet(out.getvalue(), "s.xlsx", log)] == ["a"]
    assert "N-SHEET-FIRST" in {finding.code for finding in log}


def test_values_of_a_workbook_with_the_type_of_a_cell_are_what_the_cell_shows() -> None:
    rows = read_sheet(
        xlsx([["sample", "replicate", "time", "x"], ["001", 1, "12 h", True], [2, 2.5, None, 1e5]]),
        "s.xlsx",
        FindingLog(),
    )
    assert [(row.sample, row.values["replicate"], row.extra) for row in rows] == [
        ("001", "1", (("x", "True"),)),
        ("2", "2.5", (("x", "100000"),)),
    ]
