"""Names as labs give them: words in several languages, all names together, patterns of the user, wells of plates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from nscweb.core.errors import WrongUse
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.names.channel_marks import channel_name, marked_names
from nscweb.io.names.name_words import WORD_ROWS, longest_known
from nscweb.io.names.plate_names import PLATE_ROWS, parse_plate_name
from nscweb.io.names.sample_names import ReadNames, parse_sample_hints, read_names
from nscweb.io.survey.survey import survey


def read(names: Sequence[str], pattern: str = "") -> ReadNames:
    return read_names([(name, "", "") for name in names], pattern)


@pytest.mark.parametrize("row", WORD_ROWS, ids=lambda row: row.what)
def test_each_row_of_the_table_reads_its_example(row) -> None:
    assert longest_known([row.example])[:2] == (1, row.what)


@pytest.mark.parametrize(
    ("name", "group", "time_h", "replicate", "extra"),
    [
        ("2024-03-12_FS_NT3 day1 A.rif_export", "NT3 A", 24, "", {"date": "2024-03-12"}),
        ("RA+SHH 24h #1", "RA+SHH", 24, "1", {}),
        ("Astrozytenmedium Tag 0,5 Wdh 1", "Astrozytenmedium", 12, "1", {}),
        ("Astrozytenmedium 24 Std Wdh 2", "Astrozytenmedium", 24, "2", {}),
        ("milieu oligodendrocytes J2 réplicat 1", "milieu oligodendrocytes", 48, "1", {}),
        ("milieu oligodendrocytes J2 re\u0301plicat 1", "milieu oligodendrocytes", 48, "1", {}),
        ("CNTF 50 ng-ml jour 5 n°2", "CNTF", 120, "2", {"dose": "50 ng/ml"}),
        ("RA-3d-rep1", "RA", 72, "1", {}),
        ("LDH-NT3-3d-rep1", "LDH-NT3", 72, "1", {}),
        ("NT3 biorep2 DIV7", "NT3", 168, "2", {}),
        ("10uM RA day 3 #2", "RA", 72, "2", {"dose": "10 µM"}),
        ("NT3_20240312_d3_n1", "NT3", 72, "1", {"date": "20240312"}),
        ("NT3_exp4_00d06h00m", "NT3", 6, "", {"experiment": "4"}),
        ("NT3 2 weeks r2", "NT3", 336, "2", {}),
        ("NT3\u00a03\u00a0d rep\u00a01", "NT3", 72, "1", {}),
        ("G1 phase", "G1 phase", None, "", {}),
        ("S100 H6", "S100 H6", None, "", {}),
        ("DMSO t24", "DMSO", None, "", {"t": "24"}),
        ("BDNF 10ng/mL d7 r3", "BDNF", 168, "3", {"dose": "10 ng/mL"}),
        ("FGF2 20 ng/ml", "FGF2", None, "", {"dose": "20 ng/ml"}),
        ("LIF 1000U/mL 24h", "LIF", 24, "", {"dose": "1000 U/mL"}),
        ("11/05/2024 NT3", "NT3", None, "", {"date": "11-05-2024"}),
        ("05-31-2024 NT3 24h", "NT3", 24, "", {"date": "05-31-2024"}),
        ("2024_11_05_RA_d1", "RA", 24, "", {"date": "2024-11-05"}),
        ("RA 10-6 M 24h", "RA", 24, "", {"dose": "10-6 M"}),
        ("RA 1e-6M 24h", "RA", 24, "", {"dose": "1e-6 M"}),
        ("rat NSC 24h r1", "rat NSC", 24, "1", {}),
        ("mouse 24h r1", "mouse", 24, "1", {}),
        ("rats d1", "rats", 24, "", {}),
        ("R848 24h", "R848", 24, "", {}),
        ("NT3_-1d", "NT3 -1d", None, "", {}),
        ("NT3, 24h, r1", "NT3", 24, "1", {}),
        ("NT3 (24 h) [r1]", "NT3", 24, "1", {}),
        ("NT3 24h (2)", "NT3 (2)", 24, "", {}),
        ("Poly(I:C) 24h", "Poly(I:C)", 24, "", {}),
        ("NT3.24h.r1", "NT3", 24, "1", {}),
        ("NT3 - day 1 - rep 1", "NT3", 24, "1", {}),
        ("NT3 d1r2", "NT3", 24, "2", {}),
        ("24h/NT3/1", "NT3", 24, "1", {}),
        ("контроль 24ч повтор 1", "контроль", 24, "1", {}),
        ("NT3 день 3", "NT3", 72, "", {}),
        ("第3天 NT3 重复2", "NT3", 72, "2", {}),
        ("D283 24h r1", "D283", 24, "1", {}),
        ("J774_24h", "J774", 24, "", {}),
        ("N2B27", "N2B27", None, "", {}),
        ("T cell 24h", "T cell", 24, "", {}),
        ("shRNA#2 48h r1", "shRNA#2", 48, "1", {}),
    ],
)
def test_one_name(name: str, group: str, time_h: float | None, replicate: str, extra: dict[str, str]) -> None:
    hints = parse_sample_hints(name)
    assert (hints.group, hints.time_h, hints.replicate, dict(hints.extra)) == (group, time_h, replicate, extra)


def test_letters_at_the_end_are_replicates_where_they_tell_samples_apart() -> None:
    found = read(["NT3 day1 A", "NT3 day1 B", "NT3 day5 A", "RA day1 A"])
    assert [hint.replicate for hint in found.hints] == ["A", "B", "A", "A"]
    assert {hint.group for hint in found.hints} == {"NT3", "RA"}
    assert [hint.group for hint in read(["vitamin A", "vitamin D day1"]).hints] == ["vitamin A", "vitamin D"]


def test_what_all_names_share_is_left_off_and_told() -> None:
    found = read(["lab/Proj NT3 1d r1", "lab/Proj NT3 1d r2", "lab/Proj RA 1d r1"])
    assert {hint.group for hint in found.hints} == {"NT3", "RA"} and found.left_off == ("Proj", "lab")
    assert "says group NT3, time 1 d, replicate 1" in found.rule
    same = read(["NT3 1d r1", "NT3 1d r2", "NT3 1d r3"])
    assert {hint.group for hint in same.hints} == {"NT3"} and same.left_off == ()


def test_an_experiment_is_a_replicate_only_where_it_changes_and_nothing_else_is_one() -> None:
    assert [hint.replicate for hint in read(["exp1 NT3", "exp2 NT3", "exp1 RA"]).hints] == ["1", "2", "1"]
    kept = read(["exp1 NT3 r1", "exp2 NT3 r2"]).hints
    assert [(hint.replicate, dict(hint.extra)["experiment"]) for hint in kept] == [("1", "1"), ("2", "2")]
    assert read(["exp4 NT3 r1", "exp4 NT3 r2"]).left_off == ("experiment 4",)


def test_wells_of_two_rows_are_wells_and_not_days() -> None:
    assert [dict(hint.extra) for hint in read(["D3", "C4", "A-01"]).hints] == [
        {"well": "D03"},
        {"well": "C04"},
        {"well": "A01"},
    ]
    assert [hint.time_h for hint in read(["NT3 D1", "NT3 D3"]).hints] == [24, 72]


def test_a_pattern_of_the_user_decides_and_names_what_it_does_not_fit() -> None:
    found = read(["x/NT3_1_1", "x/NT3_1,5_2", "other"], "{group}_{day}_{rep}")
    assert [(h.group, h.time_h, h.replicate) for h in found.hints][:2] == [("NT3", 24, "1"), ("NT3", 36, "2")]
    assert found.strange == ("other",) and "by the pattern {group}_{day}_{rep}" in found.rule
    two = read(["NT3/12 h run 7"], "{group}/{time} run {*}").hints[0]
    assert (two.group, two.time_h, two.replicate) == ("NT3", 12, "")


@pytest.mark.parametrize("pattern", ["{grp}_{day}", "nothing", "{day}_{day}", "{*}"])
def test_a_pattern_without_sense_is_refused_with_the_fields(pattern: str) -> None:
    with pytest.raises(WrongUse, match="fields are"):
        read(["a"], pattern)


@pytest.mark.parametrize("row", PLATE_ROWS, ids=lambda row: row.program)
def test_each_row_of_plates_reads_its_example_and_no_earlier_row_does(row) -> None:
    found = parse_plate_name(row.example)
    assert found is not None and found.program == row.program
    assert found.well or found.site >= 0


@pytest.mark.parametrize("stem", ["RA_1d_rep2", "cell_3_BF", "NT3_3d_1_17", "a_1d1_10", "img_000", "Ch3_CP0001"])
def test_other_names_are_no_plates(stem: str) -> None:
    assert parse_plate_name(stem) is None


def test_channels_are_believed_where_names_come_in_sets() -> None:
    assert marked_names(["cell_1_BF", "cell_1_GFP"])["cell_1_BF"].channel == "BF"
    assert {item.core for item in marked_names(["C1-a", "C2-a", "C1-b", "C2-b"]).values()} == {"a", "b"}
    assert set(marked_names(["a-ch1", "a-ch2", "b-ch1", "b-ch2"])) == {"a-ch1", "a-ch2", "b-ch1", "b-ch2"}
    for cells in (
        ["NT3_c1", "NT3_c2"],
        [f"NT3_c{number}" for number in range(50)],
        ["x_c1", "y_c1"],
        ["RA PE", "NT3 PE"],
    ):
        assert marked_names(cells) == {}, cells
    assert [channel_name(mark) for mark in ("channel001", "ch02", "c0", "GFP")] == ["Ch1", "Ch2", "C0", "GFP"]


def test_names_that_differ_in_one_word_each_time_are_channels_and_it_is_said(tmp_path: Path) -> None:
    shown = marked_names([f"cell_{number}_{word}" for number in range(3) for word in ("stain", "light")])
    assert {item.channel for item in shown.values()} == {"stain", "light"}
    assert marked_names(["cell_1_left", "cell_1_right", "cell_2_left"]) == {}
    for number in range(3):
        for word in ("stain", "light"):
            cv2.imwrite(str(tmp_path / f"cell_{number}_{word}.png"), np.full((20, 20), 100 + number, np.uint8))
    log = FindingLog()
    with survey([tmp_path], Limits(), log) as found:
        assert found.channels == ("light", "stain") and found.cells == 3
    assert "W-NAME-SETS" in {item.code for item in log}


def test_fluorescence_is_not_taken_for_brightfield_without_a_word(tmp_path: Path) -> None:
    dark, bright = np.full((40, 40), 8, np.uint8), np.full((40, 40), 120, np.uint8)
    cv2.circle(dark, (20, 20), 8, 220, -1)
    cv2.circle(bright, (20, 20), 8, 170, 2)
    for name, image, stained in (("a", dark, True), ("b", bright, False), ("c_DAPI", bright, True)):
        folder = tmp_path / name
        folder.mkdir()
        for number in range(3):
            mark = "_GFP" if name == "c_DAPI" else ""
            cv2.imwrite(str(folder / f"x_{number}{mark}.png"), image)
            if mark:
                cv2.imwrite(str(folder / f"x_{number}_DAPI.png"), image)
        with survey([folder], Limits(), FindingLog()) as found:
            assert found.stained == stained, name


def samples_of(path: Path) -> tuple[tuple[str, ...], str, list[tuple[str, int, str, float | None, str]]]:
    with survey([path], Limits(), FindingLog()) as found:
        rows = [
            (s.name, s.cells, s.hint.group, s.hint.time_h, dict(s.hint.extra).get("well", "")) for s in found.samples
        ]
        return found.channels, found.brightfield, rows


def test_lab_names_become_five_groups(shared: Path) -> None:
    with survey([shared / "cases" / "lab_names.zip"], Limits(), FindingLog()) as found:
        hints = [sample.hint for sample in found.samples]
        assert {hint.group for hint in hints} == {
            "NT3",
            "RA+SHH",
            "CNTF",
            "Astrozytenmedium",
            "milieu oligodendrocytes",
        }
        assert all(hint.time_h is not None and hint.replicate for hint in hints) and len(hints) == 21
        assert found.left_off == ("Export März", ".rif_export")


@pytest.mark.parametrize(
    ("name", "channels", "expected"),
    [
        ("cellomics", ("Ch0", "Ch1"), [("D03", 1, "", None, "D03"), ("D04", 1, "", None, "D04")]),
        (
            "cellprof",
            ("Ch1",),
            [
                ("DMSO B05 t0", 1, "DMSO", None, "B05"),
                ("DMSO B05 t24", 1, "DMSO", None, "B05"),
                ("RA B06 t24", 1, "RA", None, "B06"),
            ],
        ),
        (
            "incucyte",
            ("Ch1",),
            [
                ("A01 0 h", 2, "", 0, "A01"),
                ("A01 24 h", 1, "", 24, "A01"),
                ("A02 0 h", 1, "", 0, "A02"),
                ("A02 24 h", 1, "", 24, "A02"),
            ],
        ),
        ("metaxpress", ("Ch1", "Ch2"), [("A01", 2, "", None, "A01"), ("B02", 1, "", None, "B02")]),
        ("micromanager", ("Ch0", "Ch1"), [("micromanager", 2, "micromanager", None, "")]),
        ("opera", ("Ch1", "Ch2"), [("A01", 2, "", None, "A01"), ("B03", 1, "", None, "B03")]),
        ("vitra", ("Ch1", "Ch2"), [("A01", 1, "", None, "A01"), ("A12", 1, "", None, "A12")]),
    ],
)
def test_plates_are_wells_sites_and_channels(
    shared: Path, name: str, channels: tuple[str, ...], expected: list
) -> None:
    assert samples_of(shared / "cases" / "plate_names" / name)[::2] == (channels, expected)


@pytest.mark.parametrize(
    ("name", "channels", "brightfield"),
    [
        ("ch_bf_gfp", ("BF", "GFP"), "BF"),
        ("ch_bf_gfp_offset", ("BF", "GFP"), "BF"),
        ("ch_brightfield_word", ("Brightfield", "DAPI"), "Brightfield"),
        ("ch_c0", ("C0", "C1"), "C0"),
        ("ch_folders_named", ("BF", "GFP"), "BF"),
        ("ch_ideas_doubleext", ("Ch1", "Ch2"), "Ch1"),
        ("ch_mm", ("Ch0", "Ch1"), "Ch0"),
        ("ch_operetta", ("Ch1", "Ch2"), "Ch1"),
    ],
)
def test_two_channels_are_never_two_cells(shared: Path, name: str, channels: tuple[str, ...], brightfield: str) -> None:
    found, bright, rows = samples_of(shared / "cases" / name)
    assert (found, bright, [row[1:4] for row in rows]) == (channels, brightfield, [(4, "RA", 24.0)])


def surveyed(folder: Path, names: Sequence[str]) -> tuple[list[str], tuple[str, ...], list[str]]:
    """Samples with their numbers of cells, channels, and codes of warnings of small images with these names."""
    for number, name in enumerate(names):
        path = folder / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.random.default_rng(number).integers(90, 160, (24, 24), np.uint8))
    log = FindingLog()
    with survey([folder / "in"], Limits(), log) as found:
        warned = [item.code for item in log if item.level == "warn"]
        return [f"{sample.name}: {sample.cells}" for sample in found.samples], found.channels, warned


def test_a_plate_of_folders_has_no_channels_in_row_c(tmp_path: Path) -> None:
    wells = [f"{row}{column:02d}" for row in "ABCDEFGH" for column in range(1, 13)]
    samples, channels, _ = surveyed(tmp_path, [f"{well}/{number}.png" for well in wells for number in (1, 2)])
    assert samples == [f"{well}: 2" for well in wells] and channels == ("Ch1",)


@pytest.mark.parametrize("folders", [("C1", "C2"), ("W1", "W2"), ("Nestin", "GFAP")])
def test_folders_that_may_be_samples_are_not_taken_as_channels_without_a_word(
    tmp_path: Path, folders: tuple[str, str]
) -> None:
    samples, channels, warned = surveyed(tmp_path, [f"NT3/{name}/{n}.png" for name in folders for n in (1, 2, 3)])
    assert samples == ["NT3: 3"] and set(channels) == set(folders) and "W-NAME-SETS" in warned


@pytest.mark.parametrize("around", ["", "set/"])
@pytest.mark.parametrize("channels", [("BF", "GFP"), ("Ch1", "Ch2"), ("phase", "red")])
def test_folders_of_channels_around_samples_are_channels(
    tmp_path: Path, around: str, channels: tuple[str, str]
) -> None:
    names = [f"{around}{ch}/{name}/{n}.png" for ch in channels for name in ("NT3_1d", "RA_1d") for n in (1, 2, 3)]
    samples, found, warned = surveyed(tmp_path, names)
    assert [name.rpartition("/")[2] for name in samples] == ["NT3_1d: 3", "RA_1d: 3"]
    assert found == channels and not warned


def test_a_positive_control_is_no_phase_contrast(tmp_path: Path) -> None:
    names = [f"{group}/{group}_{number}.png" for group in ("PC", "NC") for number in (1, 2, 3)]
    samples, channels, _ = surveyed(tmp_path, names)
    assert samples == ["NC: 3", "PC: 3"] and channels == ("Ch1",)


@pytest.mark.parametrize(
    ("names", "channels"),
    [
        (["{n}_GFP", "{n}"], ("Ch1", "GFP")),
        (["S/BF/bf_{n}", "S/GFP/gfp_{n}"], ("BF", "GFP")),
        (["BF/S/{n}_BF", "GFP/S/{n}_GFP"], ("BF", "GFP")),
        (["S/Ch1/x{n}_ch01", "S/Ch2/x{n}_ch02"], ("Ch1", "Ch2")),
    ],
)
def test_channels_of_a_cell_are_one_cell(tmp_path: Path, names: list[str], channels: tuple[str, ...]) -> None:
    files = [f"{name.format(n=number)}.png" for name in names for number in (1, 2, 3, 4)]
    samples, found, _ = surveyed(tmp_path, files)
    assert [name.rpartition(": ")[2] for name in samples] == ["4"] and found == channels


@pytest.mark.parametrize("form", ["{ch}/{name}/{n}.png", "{name}/{ch}/{n}.png"])
def test_a_sample_with_fluorescence_alone_has_no_brightfield(tmp_path: Path, form: str) -> None:
    pairs = [("BF", "NT3"), ("GFP", "NT3"), ("GFP", "RA")]
    files = [form.format(ch=ch, name=name, n=number) for ch, name in pairs for number in (1, 2, 3)]
    samples, channels, warned = surveyed(tmp_path, files)
    assert samples == ["NT3: 3", "RA: 3"] and channels == ("BF", "GFP") and not warned


@pytest.mark.parametrize("pattern", ["{group}_{day", "{group}}_{day}d", "{group}_{hours}h_{day}d", "{rep}_{replicate}"])
def test_a_pattern_that_says_a_thing_twice_or_half_is_refused(pattern: str) -> None:
    with pytest.raises(WrongUse, match=r"no partner|one of them twice"):
        read(["NT3_1d"], pattern)
