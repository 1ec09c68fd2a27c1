"""Names give sample, object number and channel; sample names give hints for the sheet."""

from __future__ import annotations

import pytest

from nscweb.core.samples import Sample
from nscweb.io.names.file_names import PLAIN_NAME, ParsedName, is_junk, natural_key, parse_name, suffix_of, unsafe_name
from nscweb.io.names.sample_names import parse_sample_hints


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("NT3/3d/r1/NT3_3d_1_17_Ch1.ome.tif", ParsedName("NT3/3d/r1", "NT3_3d_1", 17, "Ch1")),
        ("17_Ch3.ome.tif", ParsedName("", "", 17, "Ch3")),
        ("a_1d1_10_Ch1.ome.bmp", ParsedName("", "a_1d1", 10, "Ch1")),
        ("Ciliated_1078_Ch11.ome.tif", ParsedName("", "Ciliated", 1078, "Ch11")),
        ("x_0007_ch01.TIF", ParsedName("", "x", 7, "Ch1")),
        ("export 2021_12_Ch2.ome.tif", ParsedName("", "export 2021", 12, "Ch2")),
        ("x_17_3_colour.ome.tif", ParsedName("", "x", 17, "3_colour")),
        ("RA/Ch3/x_17_Ch3.tif", ParsedName("RA", "x", 17, "Ch3")),
        ("x_17_Ch1_mask.tif", ParsedName("", "x", 17, "Ch1_mask")),
        ("Ch3_CP0001.tif", ParsedName("", "Ch3_CP0001", None, "")),
        ("cell 12.png", ParsedName("", "cell 12", None, "")),
        ("Ø_٣_Ch1.tif", ParsedName("", "Ø_?_Ch1", None, "")),
        ("x_99999999999999999999_Ch1.tif", ParsedName("", "x_99999999999999999999_Ch1", None, "")),
    ],
)
def test_name_says_object_number_and_channel(path: str, expected: ParsedName) -> None:
    assert parse_name(path) == expected


def test_sample_is_the_folder_or_the_prefix() -> None:
    assert parse_name("NT3/3d/x_1_Ch1.tif").sample == "NT3/3d"
    assert parse_name("a_1d1_10_Ch1.ome.bmp").sample == "a_1d1"


@pytest.mark.parametrize(
    ("name", "group", "time_h", "replicate"),
    [
        ("RA_1d_rep2", "RA", 24, "2"),
        ("NT3/3d/r1", "NT3", 72, "1"),
        ("RA+SHH_12h_rep1", "RA+SHH", 12, "1"),
        ("astrocyte-medium_0.5d_rep2", "astrocyte medium", 12, "2"),
        ("LDH-NT3_5d_rep3", "LDH-NT3", 120, "3"),
        ("a_1d1", "a", 24, "1"),
        ("NT4_day 3_replicate 2", "NT4", 72, "2"),
        ("Experiment 7/NGF/d5", "NGF", 120, ""),
        ("My study/RA_1d_rep2", "RA", 24, "2"),
        ("NT3_3d_1", "NT3", 72, "1"),
        ("MT_12 h_repA", "MT", 12, "A"),
        ("Ciliated", "Ciliated", None, ""),
    ],
)
def test_sample_names_fill_the_sheet(name: str, group: str, time_h: float | None, replicate: str) -> None:
    hints = parse_sample_hints(name)
    assert (hints.group, hints.time_h, hints.replicate) == (group, time_h, replicate)


def test_simulated_sample_names_say_their_group_exactly() -> None:
    from nscweb.simulation.design import plan_study

    for sample in plan_study(1000, 1).samples:
        hints = parse_sample_hints(sample.name)
        assert (hints.group, hints.time_h, hints.replicate) == (sample.group, sample.time_h, str(sample.replicate))


def test_the_prefix_is_asked_where_the_folder_says_nothing() -> None:
    hints = parse_sample_hints("export", "RA_1d_rep2")
    assert (hints.group, hints.time_h, hints.replicate) == ("RA", 24, "2")
    assert parse_sample_hints("NT3_1d_rep1", "a_2d2").group == "NT3"
    assert parse_sample_hints("export", "cell").group == "export"


@pytest.mark.parametrize(
    "base",
    [
        "x_1_Ch1.tif",
        "X_y-1_0007_ch011.ome.TIFF",
        "17_Ch3.ome.tif",
        "a_1d1_10_Ch1.ome.bmp",
        "a__3_Ch1.png",
        "é_2_Ch1.jpg",
        "x_1_2_3_Ch4.jpeg",
        "x_ 5_Ch1.tif",
        "x_5_Ch1_mask.tif",
        "x5_Ch1.tif",
        "x_5_Ch1.ome.xyz",
        "x_1_Ch1_2_Ch2.tif",
        "_7_Ch1.tif",
    ],
)
def test_the_short_way_understands_names_like_the_long_one(base: str) -> None:
    match = PLAIN_NAME.fullmatch(base)
    if match is not None:
        prefix, number, channel = match.groups()
        assert parse_name(base) == ParsedName("", (prefix or "").rstrip("_- ."), int(number), f"Ch{channel}")


def test_donor_and_control_are_hinted() -> None:
    hints = parse_sample_hints("donorA/control_1d_r2")
    assert (hints.donor, hints.control, hints.replicate) == ("A", True, "2")
    assert hints.sample("s", cells=3) == Sample(
        "s", group="control", time_h=24.0, replicate="2", donor="A", control=True, cells=3
    )


@pytest.mark.parametrize(
    "path", ["__MACOSX/a.tif", "x/._a.tif", ".DS_Store", "Thumbs.db", "a/desktop.ini", "~$s.xlsx", ".git/x.tif"]
)
def test_system_files_are_junk(path: str) -> None:
    assert is_junk(path)
    assert not is_junk("export/a_1_Ch1.tif")


@pytest.mark.parametrize(
    "path", ["../a.tif", "a/../../b.tif", "/etc/x.tif", "C:/x.tif", "a\\b.tif", "a\x00.tif", "a" * 2000]
)
def test_names_that_are_more_than_names_are_unsafe(path: str) -> None:
    assert unsafe_name(path) is not None


def test_decent_names_are_safe() -> None:
    for path in ("a..b/x.tif", "=cmd.tif", "<b>.tif", "zéll.tif", "a b/c.tif"):
        assert unsafe_name(path) is None


def test_suffix_and_natural_order() -> None:
    assert suffix_of("a/b.OME.TIF ") == ".tif" and suffix_of(".hidden") == "" and suffix_of("a.d/b") == ""
    assert sorted(["Ch11", "Ch2", "Ch1"], key=natural_key) == ["Ch1", "Ch2", "Ch11"]
