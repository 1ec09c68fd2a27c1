"""Whatever a user types is shown as plain text."""

from __future__ import annotations

import numpy as np
import pytest

from nscweb.ui.cells import gallery
from nscweb.ui.text import duration, html, label, plain
from nscweb.words.numbers import count


@pytest.mark.parametrize(
    "name", ["<b>bold</b>", "<img src=x onerror=alert(1)>", "[x](http://example.org)", "$a$ :red[b] ~~c~~ `d`"]
)
def test_markup_in_a_name_has_no_effect(name: str) -> None:
    assert "<" not in html(name)
    escaped = label(name)
    for position, character in enumerate(escaped):
        if character in "[]()<>$`~:!":
            assert escaped[position - 1] == "\\"


def test_direction_and_control_marks_become_visible() -> None:
    assert plain("abc\u202ecod.exe\u0000") == "abc[U+202E]cod.exe[U+0000]"


def test_a_name_of_two_hundred_characters_is_cut_in_the_middle() -> None:
    shown = plain("a" * 100 + "b" * 100)
    assert len(shown) <= 120 and shown.startswith("aaa") and shown.endswith("bbb") and "…" in shown


def test_letters_of_other_scripts_stay() -> None:
    assert plain("étude µ 神经 עברית") == "étude µ 神经 עברית"


def test_counts_and_times_read_well() -> None:
    assert count(1, "cell") == "1 cell" and count(12000, "cell") == "12,000 cells"
    assert duration(0.2) == "1 s" and duration(200) == "3 min 20 s" and duration(3900) == "1 h 5 min"
    assert duration(None) == ""


def test_scale_bar_takes_at_most_a_third_of_the_frame() -> None:
    length, share = gallery.scale_bar(60, 0.5)
    assert length == 10.0 and share == pytest.approx(10 / 30)
    assert gallery.scale_bar(60, 0.001)[1] <= 1.0


def test_pictures_travel_inside_the_page() -> None:
    assert gallery.png_uri(np.zeros((4, 5), np.uint8)).startswith("data:image/png;base64,")
