"""Feature tables and populations come to the cells of their sample by object number, and what does not fit is told."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.sheets.feature_tables import MOST_COLUMNS, kind_of, read_population, read_table
from nscweb.io.survey.cut_out import excerpt, release
from nscweb.io.survey.survey import survey

TABLE = b"Object Number\tArea_M01\tNote\tEmpty\t\r\n1\t10.5\tround\t\t\r\n2\tNaN\t1E5\t\t\r\n7\t30\tx\t\t\r\n"


def members(tiff: Any, sample: str = "RA_1d_rep1", numbers: tuple[int, ...] = (1, 2, 3)) -> list[tuple[str, bytes]]:
    return [(f"{sample}/x_{number}_Ch1.ome.tif", tiff(number)) for number in numbers]


def where(imported: Any, code: str) -> list[str]:
    return [finding.where for finding in imported.log if finding.code == code]


def test_a_table_in_the_folder_of_its_sample(make_zip: Any, tiff: Any, take: Callable[..., Any]) -> None:
    imported = take(make_zip([*members(tiff), ("RA_1d_rep1/features.txt", TABLE), *members(tiff, "NT3_1d_rep1")]))
    values = [dict(cell.values) for cell in imported.cells["RA_1d_rep1"]]
    assert values == [{"Area_M01": 10.5, "Note": "round"}, {"Note": "1E5"}, {}]
    assert all(not cell.values for cell in imported.cells["NT3_1d_rep1"])
    assert where(imported, "N-TABLE-JOINED") == ["RA_1d_rep1/features.txt, RA_1d_rep1: 3 rows"]
    assert where(imported, "W-TABLE-NO-CELL") == ["RA_1d_rep1/features.txt, RA_1d_rep1: 1 rows"]
    assert where(imported, "W-TABLE-NO-ROW") == ["RA_1d_rep1/features.txt, RA_1d_rep1: 1 cells"]
    assert imported.found.ignored == 1 and imported.found.images == 6


def test_populations_become_tags(make_zip: Any, tiff: Any, take: Callable[..., Any]) -> None:
    found = take(
        make_zip(
            [
                *members(tiff),
                ("RA_1d_rep1/Focused.pop", b"1\r\n2\r\n"),
                ("RA_1d_rep1/GFAP+ cells.pop", b"Object Number\n2\n9\n"),
                ("RA_1d_rep1/none.pop", b""),
            ]
        )
    )
    assert [cell.tags for cell in found.all_cells] == [("Focused",), ("Focused", "GFAP+ cells"), ()]
    assert where(found, "W-TABLE-NO-CELL") == ["RA_1d_rep1/GFAP+ cells.pop, RA_1d_rep1: 1 rows"]
    assert found.found.ignored == 3


@pytest.mark.parametrize(
    ("name", "sample"),
    [
        ("RA_1d_rep1.txt", "RA_1d_rep1"),
        ("ra_1d_REP1 feature values.tsv", "RA_1d_rep1"),
        ("RA_1d_rep10.txt", "RA_1d_rep10"),
        ("NT3/day 3/anything.csv", "NT3/day 3"),
        ("NT3/anything.csv", "NT3/day 3"),
        ("day 3.txt", "NT3/day 3"),
        ("something else.txt", None),
    ],
)
def test_which_sample_a_table_belongs_to(
    make_zip: Any, tiff: Any, take: Callable[..., Any], name: str, sample: str | None
) -> None:
    files = [*members(tiff), *members(tiff, "RA_1d_rep10"), *members(tiff, "NT3/day 3")]
    imported = take(make_zip([*files, (name, TABLE)]))
    joined = {key for key, cells in imported.cells.items() if any(cell.values for cell in cells)}
    assert joined == ({sample} if sample else set())
    assert ("W-TABLE-NO-SAMPLE" in imported.codes("warn")) is (sample is None)


def test_population_named_after_sample_and_gate(make_zip: Any, tiff: Any, take: Callable[..., Any]) -> None:
    files = [*members(tiff), *members(tiff, "NT3_1d")]
    imported = take(make_zip([*files, ("NT3_1d_live cells.pop", b"1,2;3")]))
    assert {cell.tags for cell in imported.cells["NT3_1d"]} == {("live cells",)}


def test_in_folders_and_beside_single_images(tmp_path: Path, tiff: Any, take: Callable[..., Any]) -> None:
    folder = tmp_path / "study" / "RA"
    folder.mkdir(parents=True)
    for number in (1, 2):
        (folder / f"a_{number}_Ch1.ome.tif").write_bytes(tiff(number))
    (folder / "a.txt").write_bytes(TABLE)
    (folder / "live.pop").write_text("2")
    (folder / "notes.txt").write_text("stained on Monday")
    for paths in ([tmp_path / "study"], [folder], [*sorted(folder.glob("a*")), folder / "live.pop"]):
        imported = take(*paths)
        assert [cell.values.get("Note") for cell in imported.all_cells] == ["round", "1E5"]
        assert [cell.tags for cell in imported.all_cells] == [(), ("live",)]
    loose = take(*sorted(folder.iterdir()))
    assert loose.codes("skip") == {"E-IMG-NOT-IMAGE"}  # a text that somebody picked is no image, and is told


def test_a_table_beside_a_zip_and_beside_a_file_of_cells(
    make_zip: Any, tiff: Any, tmp_path: Path, take: Callable[..., Any]
) -> None:
    zipped = make_zip([(f"x_{number}_Ch1.ome.tif", tiff(number)) for number in (1, 2)], "NT3_1d.zip")
    (tmp_path / "NT3_1d.txt").write_bytes(TABLE)
    assert [bool(cell.values) for cell in take(zipped, tmp_path / "NT3_1d.txt").all_cells] == [True, True]
    np.savez(tmp_path / "stack.npz", x=np.random.default_rng(0).integers(90, 110, (8, 30, 30)).astype(np.uint8))
    (tmp_path / "stack_first.pop").write_text("1\n99\n")
    imported = take(tmp_path)
    assert [cell.tags for cell in imported.cells["stack"]] == [("first",)] + [()] * 7
    assert where(imported, "W-TABLE-NO-CELL")[-1] == "stack_first.pop, stack: 1 rows"


def test_object_numbers_of_several_cells_get_nothing(make_zip: Any, tiff: Any, take: Callable[..., Any]) -> None:
    files = [("s/a_1_Ch1.tif", tiff(1)), ("s/b_1_Ch1.tif", tiff(2)), ("s/a_2_Ch1.tif", tiff(3))]
    imported = take(make_zip([*files, ("s/t.txt", TABLE), ("s/p.pop", b"1 2")]))
    assert [(cell.object_number, bool(cell.values), cell.tags) for cell in imported.all_cells] == [
        (1, False, ()),
        (1, False, ()),
        (2, True, ("p",)),
    ]
    assert len(where(imported, "W-TABLE-UNCLEAR")) == 2


def test_two_tables_keep_both_columns(make_zip: Any, tiff: Any, take: Callable[..., Any]) -> None:
    other = b"Object Number,Area_M01,populations\n1,5,a\n"
    imported = take(make_zip([*members(tiff), ("RA_1d_rep1/a.txt", TABLE), ("RA_1d_rep1/b.csv", other)]))
    assert imported.all_cells[0].values == {
        "Area_M01": 10.5,
        "Note": "round",
        "Area_M01 (2)": 5.0,
        "populations (2)": "a",
    }


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("s/t.txt", b"1\t2.5\t3\n2\t2.5\t4\n", "E-TABLE-NO-HEADER"),
        ("s/t.txt", b'Object Number\tx\n1\t"open\n', "E-TABLE-QUOTE"),
        ("s/t.txt", b"Object Number\tx\nabc\t4\n", "E-TABLE-EMPTY"),
        ("s/t.txt", b"Object Number\tx\n1\t2\n" + b"1\t2\n" * 20_000 + b"\x00\x01", "E-TABLE-BINARY"),
        ("s/p.pop", b"\x00\x01\x02binary", "E-TABLE-BINARY"),
        ("s/p.pop", b"what\nis this\n", "E-POP-EMPTY"),
    ],
)
def test_files_that_cannot_be_used_are_skipped(
    make_zip: Any, tiff: Any, take: Callable[..., Any], name: str, data: bytes, code: str
) -> None:
    imported = take(make_zip([("s/x_1_Ch1.tif", tiff()), (name, data)]))
    assert imported.codes("skip") == {code} and len(imported.all_cells) == 1


def test_other_texts_stay_ignored(make_zip: Any, tiff: Any, take: Callable[..., Any]) -> None:
    texts = [("s/README.txt", b"Object of this study: cells"), ("s/sheet.csv", b"sample,group\na,b\n")]
    imported = take(make_zip([("s/x_1_Ch1.tif", tiff()), *texts, ("s/log.txt", b"\x00\x01")]))
    assert imported.codes("ignored") == {"N-FILE-OTHER"} and not imported.codes("skip")


def test_preamble_quotes_semicolons_decimal_commas_and_utf_16() -> None:
    before = 'IDEAS 6.2\r\nFile:\tday3.daf\r\n\r\n"Object Number";Area;Ratio;Mixed;Mass\r\n'
    text = before + "0;1,5;2,25E-01;1,5;1\r\n1;-2;;1.5;2\r\n"
    for data in (text.encode("utf-16"), text.encode("utf-8-sig"), text.encode("cp1252")):
        assert kind_of("a.txt", data) == "table"
        table = read_table(data, "a.txt", values=True)
        assert table.rows == {0: 0, 1: 1}
        np.testing.assert_array_equal(table.columns["Area"], [1.5, -2])
        np.testing.assert_array_equal(table.columns["Ratio"], [0.225, np.nan])
        assert table.columns["Mixed"] == ["1,5", "1.5"]  # not told apart, so left as it is


def test_titles_rows_and_columns_that_do_not_fit() -> None:
    data = b"Object Number\tA\tA\t\n1\t1\t2\t3\n1\t9\t9\t9\n2\t1\n2.0\t5\t5\n\t4\n3\t1\t1\t1\t7\n1e3\t5\t5\n"
    table = read_table(data, "t.txt", values=True)
    assert table.rows == {1: 0, 2: 1} and (table.twice, table.broken) == (2, 3)
    assert list(table.columns) == ["A", "A (2)"]
    wide = b"Object Number" + b"\tx" * 400 + b"\n1" + b"\t5" * 400
    read = read_table(wide, "t.txt", values=True)
    assert len(read.columns) == MOST_COLUMNS and read.left_out == 100


def test_an_excerpt_takes_its_rows_along(make_zip: Any, tiff: Any) -> None:
    path = make_zip([*members(tiff, numbers=tuple(range(1, 9))), ("RA_1d_rep1/t.txt", TABLE)])
    log = FindingLog()
    with survey([path], Limits(), log) as found:
        part = excerpt(found, found.samples[0], 4, 8, apart=True)
        again = pickle.loads(pickle.dumps(part))
        cells = list(again.read(again.samples[0], None, log))
        release(again)
    assert [(cell.object_number, cell.values.get("Area_M01")) for cell in cells] == [
        (5, None),
        (6, None),
        (7, 30.0),
        (8, None),
    ]


def test_a_table_and_a_population_for_a_real_cif(shared: Path, tmp_path: Path, take: Callable[..., Any]) -> None:
    (tmp_path / "day3.cif").symlink_to(shared / "data/cif/example.cif")
    rows = "".join(f"{number}\t{number * 2}\n" for number in range(100))
    (tmp_path / "day3.txt").write_text(f"Object Number\tArea\n{rows}")
    (tmp_path / "day3_singlets.pop").write_text("1\n5\n999\n")
    imported = take(tmp_path)
    values = {cell.object_number: cell.values.get("Area") for cell in imported.all_cells}
    assert len(values) == 111 and values[7] == 14.0 and values[110] is None
    assert {cell.object_number for cell in imported.all_cells if "singlets" in cell.tags} == {1, 5}
    assert where(imported, "W-TABLE-NO-ROW") == ["day3.txt, day3: 11 cells"]
    assert where(imported, "W-TABLE-NO-CELL") == ["day3_singlets.pop, day3: 1 rows"]


numbers = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False), st.integers(-9999, 9999))


@given(
    st.lists(
        st.tuples(
            numbers,
            st.text(
                st.characters(codec="latin-1", exclude_characters='\r\n\t"\x85\xa0', exclude_categories=("Cc",)),
                max_size=8,
            ),
        ),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from("\t;"),
    st.booleans(),
)
def test_any_table_comes_back(rows: list[tuple[Any, str]], separator: str, comma: bool) -> None:
    rows = [(number, text.replace(separator, "").strip()) for number, text in rows]
    shown = ["" if number is None else repr(number) for number, _ in rows]
    if comma:
        shown = [value.replace(".", ",") for value in shown]
    lines = [
        separator.join((str(position), value, f"t{text}"))
        for position, (value, (_, text)) in enumerate(zip(shown, rows, strict=True))
    ]
    text = separator.join(("Object Number", "number", "text")) + "\n" + "\n".join(lines)
    table = read_table(text.encode("utf-8"), "t.txt", values=True)
    assert table.columns["text"] == [f"t{text}" for _, text in rows]
    expected = [np.nan if number is None else float(number) for number, _ in rows]
    np.testing.assert_array_equal(table.columns.get("number", np.full(len(rows), np.nan)), expected)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_a_list_or_a_refusal(data: bytes) -> None:
    for read in (
        lambda: kind_of("x.txt", data),
        lambda: read_table(data, "x.txt", values=True),
        lambda: read_table(b"Object Number\tx\n" + data, "x.txt", values=True),
        lambda: read_population(data, "x.pop"),
    ):
        try:
            read()
        except InputRefused as error:
            assert error.code
