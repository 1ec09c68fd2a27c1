"""Sheets as laboratories and their programs really write them, the shared cases and relatives of each kind."""

from __future__ import annotations

import io
from pathlib import Path

import openpyxl
import pytest
from small_workbooks import ods_bytes, strict_bytes

from nscweb.core.encodings import decoded
from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog
from nscweb.core.look_alikes import alike_sets, unseen
from nscweb.core.samples import Sample
from nscweb.io.sheets.sample_sheets import Joined, join_sheet, read_sheet
from nscweb.io.sheets.sheet_columns import column_of, likely_field

NAMES = [f"{group}_1d_rep{number}" for group in ("NT3", "RA") for number in (1, 2, 3)]
SAMPLES = [Sample(name, cells=4) for name in NAMES]


def applied(
    data: bytes | str, name: str = "s.csv", samples: list[Sample] = SAMPLES, said: dict[str, str] | None = None
) -> tuple[Joined, FindingLog]:
    log = FindingLog()
    rows = read_sheet(data.encode() if isinstance(data, str) else data, name, log, samples=samples, said=said)
    return join_sheet(samples, rows, log), log


def codes(log: FindingLog) -> set[str]:
    return {finding.code for finding in log}


def groups(joined: Joined) -> list[str]:
    return [sample.group for sample in joined.samples]


def book(*sheets: list[list[object]], merged: tuple[str, ...] = (), formats: dict[str, str] | None = None) -> bytes:
    made = openpyxl.Workbook()
    made.remove(made.active)
    for number, rows in enumerate(sheets):
        sheet = made.create_sheet(f"S{number}")
        for row in rows:
            sheet.append(row)
    for place in merged:
        made.worksheets[-1].merge_cells(place)
    for cell, text in (formats or {}).items():
        made.worksheets[-1][cell].number_format = text
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


GOOD = {
    24.0: (
        "sheet_comment_rows sheet_title_rows_csv sheet_sep_line sheet_R_writetable sheet_R_index_folder "
        "sheet_utf16_nobom sheet_pipe sheet_curly_quotes sheet_apostrophe sheet_nbsp_sample sheet_path_slash "
        "sheet_path_backslash sheet_path_parent sheet_filename_col sheet_well_first sheet_german sheet_french "
        "xlsx_title_rows xlsx_two_headers xlsx_readme_first xlsx_numbers_export xlsx_merged_group "
        "xlsx_strict_ooxml ods_sheet xlsx_time_duration xlsx_time_numfmt_nounit time_hms time_hdash time_t24h "
        "time_tpi time_iso"
    ),
    168.0: ("time_div7"),
    336.0: ("time_weeks time_weeks2 time_week2"),
    0.5: ("time_min30"),
    72.0: ("time_dpi time_hpi time_dplus time_ddot time_dunder time_daydash time_tage time_jours"),
    12.0: ("time_half"),
}


@pytest.mark.parametrize(("case", "hours"), [(case, hours) for hours, cases in GOOD.items() for case in cases.split()])
def test_a_shared_case_fills_every_sample(case: str, hours: float, shared: Path) -> None:
    (file,) = (shared / "cases" / case).iterdir()
    joined, log = applied(file.read_bytes(), file.name)
    assert groups(joined) == ["NT3"] * 3 + ["RA"] * 3, list(log)
    assert {sample.time_h for sample in joined.samples} == {hours}
    assert [sample.replicate for sample in joined.samples] == ["1", "2", "3"] * 2
    assert joined.matched == 6 and not joined.unknown


@pytest.mark.parametrize(("case", "of"), [("sheet_treatment", 24.0), ("sheet_condition", 24.0)])
def test_english_titles_of_a_laboratory(case: str, of: float, shared: Path) -> None:
    joined, _ = applied((shared / "cases" / case / "s.csv").read_bytes())
    assert groups(joined) == ["vehicle"] * 3 + ["drug X"] * 3 and {s.time_h for s in joined.samples} == {of}
    assert [s.replicate for s in joined.samples] == ["1", "2", "3"] * 2


@pytest.mark.parametrize(
    ("case", "words"), [("sheet_sjis", "対照"), ("sheet_gbk", "对照组"), ("sheet_macroman_cr", "Zürich µM")]
)
def test_other_encodings_are_read_right_and_said_with_an_example(case: str, words: str, shared: Path) -> None:
    joined, log = applied((shared / "cases" / case / "s.csv").read_bytes())
    assert joined.samples[0].group == words
    (told,) = (finding for finding in log if finding.code == "W-SHEET-ENCODING")
    assert words.split()[0] in told.message


@pytest.mark.parametrize(
    ("case", "code"),
    [("time_hmm", "E-SHEET-TIME"), ("time_t24", "E-SHEET-TIME-UNIT"), ("xlsx_error_cells", "E-SHEET-CELL-ERROR"),
     ("xlsx_replicate_dates", "W-SHEET-DATE")],
)  # fmt: skip
def test_what_is_doubtful_is_pointed_at_row_by_row_and_the_rest_is_kept(case: str, code: str, shared: Path) -> None:
    (file,) = (shared / "cases" / case).iterdir()
    joined, log = applied(file.read_bytes(), file.name)
    told = [finding.where for finding in log if finding.code == code]
    assert len(told) in (3, 6) and all(where.startswith("row ") for where in told)
    assert joined.samples[0].group == "NT3" and joined.samples[0].control


def test_numbers_keep_the_zeros_of_their_format(shared: Path) -> None:
    samples = [Sample(f"00{number}") for number in range(1, 7)]
    joined, log = applied((shared / "cases/xlsx_numfmt_000/s.xlsx").read_bytes(), "s.xlsx", samples)
    assert joined.matched == 6 and "N-SHEET-MATCHED" not in codes(log)


@pytest.mark.parametrize(
    ("case", "code"),
    [("numbers_file", "E-SHEET-NUMBERS"), ("html_named_xls", "E-SHEET-HTML"), ("gsheet_pointer", "E-SHEET-LINK")],
)
def test_what_is_no_table_gets_a_way_out(case: str, code: str, shared: Path) -> None:
    (file,) = (shared / "cases" / case).iterdir()
    with pytest.raises(InputRefused) as caught:
        applied(file.read_bytes(), file.name)
    assert caught.value.code == code and caught.value.todo


# Relatives of each kind that are not in the folder -----------------------------------------------------------------

LINES = "NT3_1d_rep1,NT3,1 d,1\nRA_1d_rep2,RA,2 d,2\n"
HEAD = "sample,group,time,replicate\n"


@pytest.mark.parametrize(
    "text",
    [
        "Experiment 7,,,\nDr. Who,,,\n,,,\n" + HEAD + LINES,
        "# it's a comment with one ' and \"\n#second\n" + HEAD + LINES,
        "#" + HEAD + LINES,
        "sep=,\n" + HEAD + LINES,
        '"sep=;"\n' + (HEAD + LINES).replace(",", ";"),
        "Table 1\n" + HEAD + LINES,
        ",Design,Design,Design\n" + HEAD + LINES,
        (HEAD + LINES).replace(",", "|"),
        HEAD.replace(",", " ") + 'NT3_1d_rep1 NT3 "1 d" 1\nRA_1d_rep2 RA "2 d" 2\n',
        '"sample" "group" "time" "replicate"\n"1" "NT3_1d_rep1" "NT3" "1 d" 1\n"4" "RA_1d_rep2" "RA" "2 d" 2\n',
        "group,time,replicate\n" + LINES,
        "sample,group,time,replicate\n,,(d),\nNT3_1d_rep1,NT3,1,1\nRA_1d_rep2,RA,2,2\n",
        HEAD + LINES + "Total,,,2\n",
        HEAD + LINES + ",Summe,,2\n",
        HEAD + LINES + HEAD,
        HEAD + "# half time\n" + LINES,
        "  " + HEAD.upper() + LINES,
        "“sample”,“group”,“time”,“replicate”\n“NT3_1d_rep1”,“NT3”,“1 d”,“1”\n“RA_1d_rep2”,“RA”,“2 d”,“2”\n",
    ],
)
def test_the_header_is_found_and_rows_that_are_no_samples_are_left_out(text: str) -> None:
    joined, _ = applied(text)
    first, second = joined.samples[0], joined.samples[4]
    assert (first.group, first.time_h, first.replicate) == ("NT3", 24.0, "1")
    assert (second.group, second.time_h, second.replicate) == ("RA", 48.0, "2")
    assert joined.matched == joined.rows == 2


def test_rows_that_are_passed_over_are_said() -> None:
    _, log = applied("Title,,,\n" + HEAD + LINES + "Total,,,2\n# end\n" + HEAD)
    assert codes(log) >= {"N-SHEET-HEADER", "N-SHEET-TOTAL", "N-SHEET-COMMENT", "N-SHEET-HEADER-AGAIN"}


def test_a_sample_that_is_called_total_is_a_sample() -> None:
    joined, _ = applied("sample,group\nTotal,NT3\n", samples=[Sample("Total")])
    assert groups(joined) == ["NT3"]


TABLE: list[list[object]] = [["sample", "group", "time"], ["NT3_1d_rep1", "NT3", "1 d"], ["RA_1d_rep2", "RA", "2 d"]]


@pytest.mark.parametrize(
    "sheets",
    [
        [[["Please fill in"]], TABLE],
        [[["group", "colour"], ["NT3", "red"]], TABLE],
        [[], [["x"]], [["Plate 3"], [None], *TABLE]],
    ],
)
def test_the_sheet_with_most_known_titles_is_read_and_said(sheets: list[list[list[object]]]) -> None:
    joined, log = applied(book(*sheets), "s.xlsx")
    assert joined.matched == 2 and joined.samples[4].group == "RA"
    (told,) = (finding for finding in log if finding.code == "N-SHEET-FIRST")
    assert f"'S{len(sheets) - 1}' was read" in told.message


def test_a_second_table_that_is_not_read_is_said() -> None:
    _, log = applied(book(TABLE, TABLE), "s.xlsx")
    (told,) = (finding for finding in log if finding.code == "N-SHEET-FIRST")
    assert told.level == "warn" and "'S1'" in told.message


def test_merged_cells_are_filled_down_and_said() -> None:
    rows: list[list[object]] = [["sample", "group", "time"], *([name, None, None] for name in NAMES)]
    rows[1][1:], rows[4][1] = ["NT3", "1 d"], "RA"
    joined, log = applied(book(rows, merged=("B2:B4", "B5:B7", "C2:C7")), "s.xlsx")
    assert groups(joined) == ["NT3"] * 3 + ["RA"] * 3 and {s.time_h for s in joined.samples} == {24.0}
    (told,) = (finding for finding in log if finding.code == "W-SHEET-MERGED")
    assert "rows 2 to 4: NT3" in told.where


def test_merged_cells_of_an_ods_are_filled_down() -> None:
    spanned = (
        '<table:table-row><table:table-cell office:value-type="string"><text:p>{0}</text:p></table:table-cell>{1}'
        "</table:table-row>"
    )
    top = (
        '<table:table-cell table:number-rows-spanned="2" office:value-type="string"><text:p>NT3</text:p>'
        "</table:table-cell>"
    )
    head = '<table:table-cell office:value-type="string"><text:p>group</text:p></table:table-cell>'
    inside = (
        spanned.format("sample", head)
        + spanned.format(NAMES[0], top)
        + spanned.format(NAMES[1], "<table:covered-table-cell/>")
    )
    joined, log = applied(ods_bytes([], inside), "s.ods")
    assert groups(joined)[:2] == ["NT3", "NT3"] and "W-SHEET-MERGED" in codes(log)


@pytest.mark.parametrize(
    ("number_format", "value", "name"),
    [("000", 7, "007"), ('"P"0', 7, "P7"), ('0" h"', 7, "7 h"), ("0000", 7, "0007"), ("0.00", 7, "7"), ("0%", 7, "7")],
)
def test_a_name_is_what_the_cell_shows(number_format: str, value: int, name: str) -> None:
    data = book([["sample", "group"], [value, "NT3"]], formats={"A2": number_format})
    joined, _ = applied(data, "s.xlsx", [Sample(name)])
    assert groups(joined) == ["NT3"]


def test_a_number_shown_in_an_ods_keeps_its_zeros() -> None:
    cell = (
        '<table:table-row><table:table-cell office:value-type="string"><text:p>sample</text:p></table:table-cell>'
        '<table:table-cell office:value-type="string"><text:p>group</text:p></table:table-cell></table:table-row>'
        '<table:table-row><table:table-cell office:value-type="float" office:value="7"><text:p>007</text:p>'
        '</table:table-cell><table:table-cell office:value-type="string"><text:p>NT3</text:p></table:table-cell>'
        "</table:table-row>"
    )
    joined, log = applied(ods_bytes([], cell), "s.ods", [Sample("007")])
    assert groups(joined) == ["NT3"] and "N-SHEET-MATCHED" not in codes(log)


@pytest.mark.parametrize(
    ("value", "code"),
    [("#BEZUG!", "E-SHEET-CELL-ERROR"), ("#N/A", "E-SHEET-CELL-ERROR"), ("#VALEUR!", "E-SHEET-CELL-ERROR"),
     ("#DIV/0!", "E-SHEET-CELL-ERROR"), ("Err:508", "E-SHEET-CELL-ERROR"), ("02-Jan", "W-SHEET-DATE"),
     ("2-Mar", "W-SHEET-DATE"), ("Jan 02", "W-SHEET-DATE"), ("2021-01-02", "W-SHEET-DATE")],
)  # fmt: skip
def test_errors_and_dates_of_spreadsheets_in_text_files(value: str, code: str) -> None:
    joined, log = applied(f"sample,group,replicate\n{NAMES[0]},NT3,{value}\n{NAMES[1]},NT3,2\n")
    assert [finding.where for finding in log if finding.code == code] == [f"row 2, {NAMES[0]}: replicate {value}"]
    assert groups(joined)[:2] == ["NT3", "NT3"]


@pytest.mark.parametrize("value", ["#1", "#A", "Mai", "2 Martin", "1-2", "May-1 strain", "#NT3"])
def test_labels_that_are_no_errors_are_kept(value: str) -> None:
    joined, log = applied(f"sample,replicate\n{NAMES[0]},{value}\n")
    assert joined.samples[0].replicate == value and not codes(log) & {"E-SHEET-CELL-ERROR", "W-SHEET-DATE"}


def test_a_strict_workbook_keeps_formats_as_the_usual_one_does() -> None:
    joined, _ = applied(strict_bytes([["sample", "group", "time"], [NAMES[0], "NT3", "DIV7"]]), "s.xlsx")
    assert joined.samples[0].time_h == 168.0


@pytest.mark.parametrize(
    ("text", "codec"),
    [("細胞,神経栄養因子\n", "cp932"), ("样品,对照组 处理\n", "gb18030"), ("시료,대조군\n", "euc_kr"),
     ("樣品,對照組\n", "big5"), ("probe,Größe Zürich\r", "mac_roman"), ("a,réplicat contrôle\r", "mac_roman"),
     ("probe,Größe µM „x“\n", "cp1252"), ("muestra,año ñandú\n", "cp1252"), ("sample,group\na,b\n", "utf-16-be"),
     ("sample;å Ångström æ\n", "cp1252"), ("échantillon,à è ù\n", "utf-8")],
)  # fmt: skip
def test_encodings_without_a_mark(text: str, codec: str) -> None:
    found = decoded(text.encode(codec))
    assert found.text == text
    assert found.guessed == (codec not in ("cp1252", "utf-8"))


def test_text_that_is_unlikely_in_every_encoding_is_said() -> None:
    _, log = applied(b"sample,group\nNT3_1d_rep1,Z\x81rich x\x9d\n")
    assert "W-SHEET-ENCODING" in codes(log)


# How rows find their samples ----------------------------------------------------------------------------------------

PLATES = [Sample(f"p{plate}/D{number:02}") for plate in (1, 2) for number in (1, 2)]
WELLS = [Sample(f"x{number}", extra=(("well", f"B{number:02}"),)) for number in (1, 2)]


@pytest.mark.parametrize(
    ("written", "way"),
    [
        ("{}", ""),
        ("{}.RIF", "without the ending of the file"),
        ("{}.ome.tif", "without the ending of the file"),
        ("D:\\data\\exp 1\\{}\\", "by the last part of the path"),
        ("./{}.zip", "by the last part of the path"),
        ("‘{}’", "apart from spaces, quotes and forms of letters"),
        ("{}/img_1.tif", "by the folder of the file"),
    ],
)
def test_names_are_matched_however_programs_write_them(written: str, way: str) -> None:
    text = "sample,group\n" + "".join(f"{written.format(name)},RA\n" for name in NAMES)
    joined, log = applied(text)
    assert (joined.matched, joined.rows, joined.way) == (6, 6, way)
    assert ("N-SHEET-MATCHED" in codes(log)) == bool(way)


@pytest.mark.parametrize(
    ("change", "way"),
    [(str.upper, "apart from capitals"), (lambda name: name.replace("_", "-"), "apart from spaces and dashes"),
     (lambda name: name.replace("_", " "), "apart from spaces and dashes")],
)  # fmt: skip
def test_names_with_other_capitals_and_dashes_are_matched(change, way: str) -> None:
    joined, _ = applied("sample,group\n" + "".join(f"{change(name)},RA\n" for name in NAMES))
    assert (joined.matched, joined.way) == (6, way)


def test_wells_are_matched_with_and_without_zeros_and_on_their_plate() -> None:
    one, _ = applied("well,group\nD1,NT3\nD2,RA\n", samples=PLATES[:2])
    assert groups(one) == ["NT3", "RA"] and one.way == "by the well"
    both, _ = applied("plate,well,group\np1,D1,a\np1,D2,b\np2,D1,c\np2,d02,d\n", samples=PLATES)
    assert groups(both) == ["a", "b", "c", "d"]
    extra, _ = applied("sample,group\nB1,a\nb2,b\n", samples=WELLS)
    assert groups(extra) == ["a", "b"]
    with pytest.raises(InputRefused, match="add a column plate"):
        applied("well,group\nD1,NT3\nD2,RA\n", samples=PLATES)


def test_a_name_that_fits_two_samples_is_matched_with_none() -> None:
    joined, log = applied("sample,group\nRA,x\nb,y\n", samples=[Sample("p1/ra"), Sample("p2/ra"), Sample("b")])
    assert groups(joined) == ["", "", "y"] and joined.unmatched == ("RA",)
    assert "W-SHEET-NO-SAMPLE" in codes(log)


def test_rows_of_images_that_say_the_same_are_one_row_and_others_are_refused() -> None:
    joined, log = applied(f"file,group\n{NAMES[0]}/1.tif,RA\n{NAMES[0]}/2.tif,RA\n")
    assert joined.samples[0].group == "RA" and "N-SHEET-SAME-ROWS" in codes(log)
    _, log = applied(f"file,group\n{NAMES[0]}/1.tif,RA\n{NAMES[0]}/2.tif,NT3\n")
    assert "E-SHEET-TWICE" in codes(log)


def test_a_sheet_without_titles_is_asked_about() -> None:
    joined, log = applied(f"{NAMES[0]},NT3,1 d\n{NAMES[1]},NT3,1 d\n{NAMES[3]},RA,3 d\n{NAMES[4]},RA,3 d\n")
    assert joined.matched == 4 and "W-SHEET-NO-HEADER" in codes(log)
    assert [(column.title, column.likely) for column in joined.unknown] == [
        ("untitled 2", "group"),
        ("untitled 3", "time"),
    ]


def test_a_column_that_only_counts_rows_is_no_question() -> None:
    for title in ("", "Unnamed: 0", "#", "No.", "ID"):
        joined, _ = applied(f"{title},sample,group\n1,{NAMES[0]},NT3\n2,{NAMES[1]},NT3\n")
        assert joined.matched == 2 and not joined.unknown and not joined.samples[0].extra


# Titles -------------------------------------------------------------------------------------------------------------

TITLES = {
    "group": "Group Treatment Condition Inducer Gruppe Behandlung Bedingung Groupe Traitement Grupo 组 处理",
    "replicate": "Replicate Rep# Wiederholung Wdh. réplicat Répétition Réplica Repetición 重复 Bio.replicate",
    "time": "Time Timepoint Zeit Zeitpunkt Temps Tiempo 时间",
    "sample": "Sample SampleName Probe échantillon Muestra 样品",
    "donor": "Donor Animal Spender Tier Donneur Donante 供体",
    "control": "Control Kontrolle Contrôle Témoin 对照",
}


@pytest.mark.parametrize(
    ("field", "title"), [(field, title) for field, text in TITLES.items() for title in text.split()]
)
def test_titles_in_five_languages(field: str, title: str) -> None:
    assert column_of(title).field == field and column_of(title.upper()).field == field


@pytest.mark.parametrize(
    ("title", "hours"),
    [("Timepoint (h)", 1.0), ("Zeit [d]", 24.0), ("Zeit (Tage)", 24.0), ("Temps (jours)", 24.0),
     ("Tiempo [días]", 24.0), ("时间 (天)", 24.0), ("时间（小时）", 1.0), ("time/h", 1.0),
     ("Time in culture (d)", 24.0), ("DIV", 24.0), ("weeks", 168.0),
     ("t (min)", 1 / 60), ("Days post induction", 24.0), ("hpi", 1.0), ("Treatment time (h)", 1.0)],
)  # fmt: skip
def test_the_unit_of_a_title_counts(title: str, hours: float) -> None:
    assert (column_of(title).field, column_of(title).hours) == ("time", hours)


@pytest.mark.parametrize("title", ["Colour", "Min", "Std", "SEM", "Technical replicate", "Age (days)", "Score", "T"])
def test_titles_that_mean_something_else_are_not_taken_for_a_field(title: str) -> None:
    column = column_of(title)
    assert not column.field and not column.understood


def test_of_two_columns_with_one_meaning_the_exact_name_wins_and_the_other_is_asked_about() -> None:
    joined, _ = applied(f"sample,Treatment,group\n{NAMES[0]},drug,NT3\n")
    assert joined.samples[0].group == "NT3" and [column.title for column in joined.unknown] == ["Treatment"]
    joined, _ = applied(f"sample,Treatment,group\n{NAMES[0]},drug,NT3\n", said={"Treatment": "group"})
    assert joined.samples[0].group == "drug" and [column.title for column in joined.unknown] == ["group"]


@pytest.mark.parametrize(
    ("title", "values", "likely"),
    [("treament", ["a", "b"], "group"), ("x", ["1 d", "3 d"], "time"), ("x", ["1", "2", "1", "2"], "replicate"),
     ("x", ["yes", "no", "no"], "control"), ("x", ["NT3", "NT3", "RA", "RA"], "group"),
     ("x", ["a", "b", "c"], "further")],
)  # fmt: skip
def test_the_likely_meaning_of_a_column(title: str, values: list[str], likely: str) -> None:
    assert likely_field(title, values, ()) == likely


# Values that look alike ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["nbsp", "zwsp", "tabspace", "double_space", "micro_mu", "nfd"])
def test_groups_that_differ_in_what_cannot_be_seen_are_one_and_it_is_said(kind: str, shared: Path) -> None:
    joined, log = applied((shared / "cases" / f"sheet_{kind}_group" / "s.csv").read_bytes())
    assert len(set(groups(joined))) == 2 and "N-SHEET-UNSEEN" in codes(log)


@pytest.mark.parametrize("kind", ["case", "endash"])
def test_groups_that_differ_in_capitals_or_dashes_are_found_alike(kind: str, shared: Path) -> None:
    joined, _ = applied((shared / "cases" / f"sheet_{kind}_group" / "s.csv").read_bytes())
    assert len(alike_sets(groups(joined))) == 1


def test_the_group_of_a_whole_study_is_not_split_by_a_space(shared: Path) -> None:
    data = (shared / "cases/stat_nbsp_group/sheet.csv").read_bytes()
    samples = [Sample(row.sample) for row in read_sheet(data, "sheet.csv", FindingLog())]
    joined, log = applied(data, samples=samples)
    assert not alike_sets(groups(joined)) and "N-SHEET-UNSEEN" in codes(log)


def test_what_a_user_sees_of_two_texts_that_look_alike() -> None:
    assert unseen("NT3\u00a0") == "no-break space" and unseen("NT3") == "" and unseen("a  b") == "more than one space"
    assert unseen("u\u0308x") == "a letter written in two parts" and unseen("a\tb") == "a tab or line end"
    assert alike_sets(["NT3", "nt3", "NT3", "RA", "RA-SHH", "RA\u2013SHH"]) == [
        ("NT3", ("nt3",)),
        ("RA-SHH", ("RA\u2013SHH",)),
    ]
    assert alike_sets(["NT3", "NT4", "RA+SHH", "RA"]) == []
