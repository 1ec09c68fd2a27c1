"""Times people write, flags as a mask, and the columns of the prediction table."""

from __future__ import annotations

import numpy as np
import pytest

from nscweb.core.cells import CellImage
from nscweb.core.classes import PALETTE, ClassScheme
from nscweb.core.flags import FLAG_NAMES, FLAGS, LEFT_OUT, count_flags, flag, pack, unpack
from nscweb.core.predictions import prediction_columns
from nscweb.core.timepoint import TimePoint


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("12 h", 12),
        ("0.5 d", 12),
        ("day 3", 72),
        ("d3", 72),
        ("D 3", 72),
        ("1,5 days", 36),
        ("24hrs", 24),
        (" 2 Hours ", 2),
        ("hour 6", 6),
        ("0h", 0),
        ("DIV7", 168),
        ("7 DIV", 168),
        ("2 weeks", 336),
        ("2wk", 336),
        ("week 2", 336),
        ("30 min", 0.5),
        ("3 dpi", 72),
        ("72hpi", 72),
        ("D+3", 72),
        ("3 d.", 72),
        ("24-h", 24),
        ("day_3", 72),
        ("Day-3", 72),
        ("T=24h", 24),
        ("t_24h", 24),
        ("24h post induction", 24),
        ("3days in vitro", 72),
        ("½ d", 12),
        ("3 Tage", 72),
        ("Tag 0,5", 12),
        ("24 Std", 24),
        ("3 Tage nach Induktion", 72),
        ("3 jours", 72),
        ("J2", 48),
        ("2 semaines", 336),
        ("3 días", 72),
        ("24 小时", 24),
        ("3天", 72),
        ("２４ｈ", 24),
        ("PT24H", 24),
        ("P1DT12H", 36),
        ("24:00:00", 24),
        ("00d06h00m", 6),
        ("01d00h00m", 24),
        ("3 d 2 h", 74),
    ],
)
def test_times_as_people_write_them_are_read(text, hours):
    assert TimePoint.parse(text) == TimePoint(hours)


_NO_TIMES = ("3", "", "three days", "-1 d", "day -1", "D-1", "d", "h", "1e3 h", "2 h 3 d", "3 d 4 d", "nan h", "t24")


@pytest.mark.parametrize("text", [*_NO_TIMES, "24:00", "RA", "NT3", "A1", "12 m", "12 h x", "1.5.2 d", "p", "pt"])
def test_a_time_without_a_unit_or_sense_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="write for example 12 h"):
        TimePoint.parse(text)


def test_a_time_beyond_ten_years_is_refused():
    with pytest.raises(ValueError, match="10 years"):
        TimePoint.parse("4000 d")


def test_labels_are_short_and_times_have_an_order():
    assert [TimePoint(h).label() for h in (0, 12, 24, 36, 72, 0.25, 25)] == [
        "0 h",
        "12 h",
        "1 d",
        "1.5 d",
        "3 d",
        "0.25 h",
        "25 h",
    ]
    assert TimePoint(12) < TimePoint(24) and TimePoint(36).days == 1.5


def test_flags_have_different_bits_and_names():
    assert len({item.bit for item in FLAGS}) == len({item.name for item in FLAGS}) == len(FLAGS)
    assert all(item.bit.bit_count() == 1 and item.help.endswith(".") for item in FLAGS)
    assert flag("blurred").bit == 2
    with pytest.raises(KeyError):
        pack(["unheard of"])


def test_an_empty_mask_has_no_flags_and_unknown_bits_are_left_out():
    assert pack([]) == 0 and unpack(0) == ()
    assert unpack(1 << 20) == ()


def test_score_columns_name_the_classes_in_order():
    names = ("neuron", "astrocyte", "p_odd")
    columns = prediction_columns(names)
    assert columns[6:-5] == [f"p_{name}" for name in names]
    assert columns[:2] == ["cell_id", "sample_id"] and columns[-1] == "source"


def test_a_class_scheme_has_a_colour_for_each_class():
    scheme = ClassScheme(("a", "b", "c"))
    assert scheme.colours == PALETTE[:3] and scheme.colour("b") == PALETTE[1] and scheme.columns()[0] == "p_a"
    assert len(ClassScheme(tuple("abcdefghij")).colours) == 10
    for names in (("a",), ("a", "a")):
        with pytest.raises(ValueError, match="at least two different names"):
            ClassScheme(names)
    with pytest.raises(ValueError, match="one colour per class"):
        ClassScheme(("a", "b"), ("#000000",))


def test_a_cell_knows_its_frame_and_channels():
    import numpy as np

    cell = CellImage(7, ("Ch1", "Ch2"), np.zeros((2, 5, 6), np.uint16))
    assert cell.frame == (5, 6) and cell.channel("Ch2").shape == (5, 6)
    with pytest.raises(KeyError):
        cell.channel("Ch3")
    with pytest.raises(ValueError, match="do not fit 1 channels"):
        CellImage(7, ("Ch1",), np.zeros((2, 5, 6)))


def test_cells_kept_and_cells_left_out_first_are_all_cells() -> None:
    """Over every mask that nine flags can make, and whatever is left out in whatever order it is named."""
    masks = np.arange(2 ** len(FLAG_NAMES)).repeat(np.arange(2 ** len(FLAG_NAMES)) % 5)
    for left_out in (LEFT_OUT, LEFT_OUT[::-1], ("border", "blurred"), ()):
        found = count_flags(masks, left_out)
        assert found.cells == len(masks) == found.kept + sum(found.first.values())
        assert list(found.first) == [name for name in LEFT_OUT if name in left_out]
        assert all(found.first[name] <= found.carry[name] for name in found.first)
        assert all(found.carry[name] == np.count_nonzero(masks & pack([name])) for name in FLAG_NAMES)
    assert count_flags(masks) == count_flags(masks, LEFT_OUT[::-1])
    assert count_flags(np.zeros(0, np.int64)).cells == 0
