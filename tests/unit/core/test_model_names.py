"""Names of models made valid: whatever is typed, what comes out is a name or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nscweb.core.model_names import MODEL_NAME, made_valid


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("my model", "my-model"),
        ("Größe  1", "Grosse-1"),
        ("naïve São", "naive-Sao"),
        ("../../etc/passwd", "etc-passwd"),
        (".hidden", "hidden"),
        ("β-III tubulin", "III-tubulin"),
        ("5 µm", "5-m"),
        ("ends in a dot.", "ends-in-a-dot"),
        ("日本語", ""),
        ("", ""),
        ("a" * 200, "a" * 80),
    ],
)
def test_examples(typed: str, name: str) -> None:
    assert made_valid(typed) == name


@given(st.text(max_size=120))
def test_what_comes_out_is_a_name_or_nothing_and_stays(typed: str) -> None:
    name = made_valid(typed)
    assert name == "" or MODEL_NAME.match(name)
    assert made_valid(name) == name
