"""Every reason for which something is left out or marked comes with a next step in plain words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nscweb.core.advice import what_to_do

SOURCES = [*Path(__file__).parents[3].glob("nscweb/io/**/*.py")]
_CODE = re.compile(r'"([EW]-[A-Z0-9-]+[A-Z0-9])"')
CODES = sorted({code for path in SOURCES for code in _CODE.findall(path.read_text("utf-8"))})


def test_codes_are_found_in_the_sources() -> None:
    assert len(CODES) > 90


@pytest.mark.parametrize("code", CODES)
def test_every_error_and_warning_of_reading_has_advice(code: str) -> None:
    text = what_to_do(code)
    assert text and text.endswith(".") and text[0].isupper(), code
    assert len(text) < 260 and not text.startswith(("=", "+", "-", "@"))
    assert not re.search(r"\b(directory|header|IFD|exception|null|byte offset|traceback)\b", text, re.IGNORECASE)


def test_the_longest_beginning_of_a_code_decides() -> None:
    assert "password" in what_to_do("E-ZIP-ENCRYPTED")
    assert what_to_do("E-ZIP-SOMETHING-NEW") == what_to_do("E-ZIP-CRC") != what_to_do("E-ZIP-ENCRYPTED")
    assert what_to_do("X-UNKNOWN") == ""
