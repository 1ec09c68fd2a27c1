"""Names that can be read in two ways: last letters, short dates, numbers of replicates, wells of large plates."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from nscweb.core.errors import WrongUse
from nscweb.io.names.channel_marks import marked_names
from nscweb.io.names.loose_names import sample_parts
from nscweb.io.names.plate_names import parse_plate_name
from nscweb.io.names.sample_names import MOST_PATTERN_FIELDS, NameForm, ReadNames, read_names


def read(names: Sequence[str]) -> ReadNames:
    return read_names([(name, "", "") for name in names])


def rows(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(hint.group, hint.replicate) for hint in read(names).hints]


@pytest.mark.parametrize(
    "names",
    [("Hepatitis A 1d", "Hepatitis B 1d"), ("Clone A", "Clone B", "Clone C"), ("vitamin A 24h", "vitamin D 24h")],
)
def test_a_letter_of_one_name_stays_in_it(names: Sequence[str]) -> None:
    found = read(names)
    assert len({hint.group for hint in found.hints}) == len(names) and not found.letters
    assert not any(hint.replicate for hint in found.hints)


def test_a_letter_behind_the_time_is_the_replicate() -> None:
    assert rows(["NT3 day1 A", "NT3 day1 B", "RA day1 A"]) == [("NT3", "A"), ("NT3", "B"), ("RA", "A")]
    assert not read(["NT3 day1 A", "NT3 day1 B", "RA day1 A"]).letters


def test_letters_of_several_groups_are_replicates_with_a_question() -> None:
    names = [f"{group} {letter} 1d" for group in ("NT3", "RA") for letter in "AB"]
    assert rows(names) == [("NT3", "A"), ("NT3", "B"), ("RA", "A"), ("RA", "B")]
    assert read(names).letters == dict(zip(names, ("NT3 A", "NT3 B", "RA A", "RA B"), strict=True))
    # Different letters: types of a virus rather than replicates.
    other = read(["Hepatitis A", "Hepatitis B", "Influenza B", "Influenza C"])
    assert {hint.group for hint in other.hints} == {"Hepatitis A", "Hepatitis B", "Influenza B", "Influenza C"}


@pytest.mark.parametrize("date", ["05-11-24", "110524", "241105", "05-31-24", "31-05-24"])
def test_a_date_with_a_short_year_is_left_off(date: str) -> None:
    found = read([f"NT3 {date} 1d r1", f"RA {date} 1d r1"])
    assert [hint.group for hint in found.hints] == ["NT3", "RA"]
    assert [dict(hint.extra)["date"] for hint in found.hints] == [date, date]


@pytest.mark.parametrize("word", ["999999", "123456", "00-11-24", "LDH-05", "D283"])
def test_what_is_no_date_stays(word: str) -> None:
    assert all("date" not in dict(hint.extra) for hint in read([f"NT3 {word} 1d r1", f"RA {word} 1d r1"]).hints)


def test_numbers_that_may_be_a_date_still_count_cells() -> None:
    stems = [f"NT3_1d_r1_0101{number}" for number in range(10, 40)]
    assert sample_parts(stems)[1].reading == "one"
    assert read(["110524"]).hints[0].group == "110524"


def test_a_number_of_replicates_is_left_off_and_a_changing_one_is_the_replicate() -> None:
    found = read(["NT3 n=3 1d", "RA n=3 1d"])
    assert [hint.group for hint in found.hints] == ["NT3", "RA"] and "n=3" in found.left_off
    assert rows([f"NT3 n={number} 1d" for number in (1, 2, 3)]) == [("NT3", "1"), ("NT3", "2"), ("NT3", "3")]
    assert rows(["NT3 n = 3 r1", "RA n=3 r2"])[1] == ("RA", "2")


def test_wells_of_the_largest_plates() -> None:
    names = ["AA01", "AF48", "B02", "Q17", "Z30"]
    assert [dict(hint.extra).get("well") for hint in read(names).hints] == names
    assert [dict(hint.extra).get("well") for hint in read(["P1_AA01", "P1_AB02"]).hints] == ["AA01", "AB02"]
    assert not any(hint.extra for hint in read(["AB1 1d", "AC2 1d"]).hints)
    stems = [f"{well}_{number}" for well in ("AA01", "AF48", "Q17") for number in range(4)]
    assert list(sample_parts(stems)[1].names) == ["AA01", "AF48", "Q17"] and sample_parts(stems)[1].reading == "several"
    for stem, well in (("Screen1_AA01_s1_w1", "AA01"), ("Screen1_Q17_s1_w2", "Q17"), ("P_AF-48f00d1", "AF48")):
        found = parse_plate_name(stem)
        assert found is not None and found.well == well


@pytest.mark.parametrize(
    "pattern", ["{*}" * 8 + "{group}_{rep}!", "{*}_" * 19 + "{group}!", "{group}_{time}_{donor}_{dose}_{date}_{rep}!"]
)
def test_a_pattern_of_many_open_fields_is_not_slow(pattern: str) -> None:
    form, began = NameForm(pattern), time.process_time()
    assert form.read("a_" * 100) is None
    assert time.process_time() - began < 5


def test_a_pattern_of_too_many_fields_is_refused_by_its_limit() -> None:
    with pytest.raises(WrongUse, match=f"at most {MOST_PATTERN_FIELDS} fields"):
        NameForm("{*}_" * MOST_PATTERN_FIELDS + "{group}")
    with pytest.raises(WrongUse, match="characters can be used"):
        NameForm("x" * 400 + "{group}")


def test_open_fields_are_as_short_and_numbers_as_long_as_can_be() -> None:
    found = NameForm("{*}_{group}_{day}d_{rep}").read("a_b_NT3_10d_2")
    assert found is not None and (found.group, found.time_h, found.replicate) == ("b_NT3", 240.0, "2")
    found = NameForm("{group}{day}d{rep}").read("NT3,5d1")
    assert found is not None and (found.group, found.time_h, found.replicate) == ("NT", 84.0, "1")


@pytest.mark.parametrize(
    ("ends", "wells"),
    [
        (("B02", "B03", "C02"), ("B02", "B03", "C02")),
        (("B02 d1", "B03 d1", "C02 d1"), ("B02", "B03", "C02")),
        (("D3 d1", "E3 d1", "D4 d3"), ("D03", "E03", "D04")),
        (("1d A1 r1", "1d B1 r1", "3d H12 r1"), ("A01", "B01", "H12")),
    ],
)
def test_a_well_is_told_from_a_day_and_the_group_of_all_stays(ends: Sequence[str], wells: Sequence[str]) -> None:
    hints = read([f"NT3 {end}" for end in ends]).hints
    assert [dict(hint.extra)["well"] for hint in hints] == list(wells)
    assert {hint.group for hint in hints} == {"NT3"}


@pytest.mark.parametrize(
    "ends", [("1", "2", "3"), ("A", "B", "C"), ("x", "y", "z"), ("01", "2", "10"), ("A1", "A2", "A3")]
)
def test_what_all_names_share_stays_where_the_rest_names_no_group(ends: Sequence[str]) -> None:
    found = read([f"NT3 {end}" for end in ends])
    assert [hint.group for hint in found.hints] == [f"NT3 {end}" for end in ends] and not found.left_off
    assert read(["lab NT3 1d", "lab RA 1d", "lab NT4 1d"]).left_off == ("lab",)


@pytest.mark.parametrize(
    "words",
    [
        "1日目 反復2",
        "dia 1 repetição 2",
        "día 1 repetición 2",
        "dag 1 herhaling 2",
        "giorno 1 ripetizione 2",
        "Tag 1 WH2",
    ],
)
def test_replicates_are_read_in_more_languages(words: str) -> None:
    (hint,) = read([f"NT3 {words}"]).hints
    assert (hint.group, hint.time_h, hint.replicate) == ("NT3", 24.0, "2")


@pytest.mark.parametrize(
    ("light", "other"),
    [("BF", "vimentin"), ("fond clair", "verde"), ("Hellfeld", "Nestin"), ("campo claro", "rojo"), ("明场", "绿")],
)
@pytest.mark.parametrize("form", ["cell_{n}_{word}", "c{n}_{word}", "{word}_{n}"])
def test_an_unknown_word_beside_brightfield_is_a_channel(light: str, other: str, form: str) -> None:
    stems = [form.format(n=number, word=word) for number in (1, 2, 3) for word in (light, other)]
    found = marked_names(stems)
    assert len(found) == 6 and len({item.core for item in found.values()}) == 3
    assert {item.channel for item in found.values()} == {light, other}


def test_a_bare_name_beside_brightfield_is_a_channel_and_controls_are_none() -> None:
    found = marked_names([f"cell{number}{end}" for number in (1, 2, 3) for end in ("_BF", "")])
    assert {item.channel for item in found.values()} == {"BF", "Ch1"} and len(found) == 6
    assert not marked_names([f"{word}_{number}" for number in (1, 2, 3) for word in ("pc", "neg")])
