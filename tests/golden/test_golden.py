"""What users see stays what it is: tables, sentences, report, workbook and figures of merit against stored files.

After a change on purpose: ``python tests/golden/regenerate.py``, and look at the difference.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from golden_compare import differences, same, stable
from golden_study import artefacts, closest_tie
from regenerate import STORED

NAMES = sorted(path.relative_to(STORED).as_posix() for path in STORED.rglob("*") if path.is_file())
# Processors differ by some 1e-5 in a score.
NEAR_A_TIE = 1e-4


@pytest.fixture(scope="session")
def made() -> tuple[dict[str, str], float]:
    """Name of a golden file -> its text as it is now; and how near a cell comes to another class."""
    with TemporaryDirectory() as name:
        return {file: stable(text) for file, text in artefacts(Path(name)).items()}, closest_tie(Path(name))


def test_every_golden_file_is_made_and_stored(made: tuple[dict[str, str], float]) -> None:
    assert sorted(made[0]) == NAMES, "python tests/golden/regenerate.py"


@pytest.mark.parametrize("name", NAMES)
def test_what_users_see_is_what_is_stored(made: tuple[dict[str, str], float], name: str) -> None:
    if name not in made[0]:
        pytest.skip("no longer made; the test of the names fails for it")
    found = differences((STORED / name).read_text("utf-8"), made[0][name], Path(name).suffix)
    assert not found, "\n".join([f"{name}; when meant: python tests/golden/regenerate.py", *found])


def test_no_cell_can_change_its_class_by_rounding(made: tuple[dict[str, str], float]) -> None:
    assert made[1] > NEAR_A_TIE, "choose another seed in golden_study.py: counts are compared exactly"


def test_placeholders_take_the_place_of_what_time_and_place_change() -> None:
    said = "run r000012 of s000003, made 2026-12-01T00:38:20Z in 5.4 s by nscweb 0.4.0: /tmp/x/run/groups.csv"
    assert stable(said) == "run <run> of <study>, made <date> in <seconds> by nscweb <version>: <folder>/groups.csv\n"
    assert (
        stable(f"weights {'0a' * 32}, gates {'0b' * 8}, 0.123456123456")
        == "weights <sha256>, gates <digest>, 0.123456\n"
    )
    assert stable("0.33080077762, 1.25e-12, 24.0") == "0.330801, 1.25e-12, 24.0\n"


@pytest.mark.parametrize(
    ("stored", "found", "raw", "agree"),
    [
        ("78 % neurons at day 5 [66, 91]", "77 % neurons at day 5 [67, 92]", False, True),
        ("78 % neurons at day 5 [66, 91]", "76 % neurons at day 5 [66, 91]", False, False),
        ("all 3 lie between 67 and 78 %", "all 3 lie between 66 and 79 %", False, True),
        ("all 3 lie between 67 and 78 %", "all 4 lie between 67 and 78 %", False, False),
        ("[66, 91], 3 replicates", "[66, 91], 2 replicates", False, False),
        ("difference 4 points, p = 0.82", "difference 5 points, p = 0.83", False, True),
        ("p = 0.82 adjusted", "p = 0.84 adjusted", False, False),
        ("p = 0.001", "p < 0.001", False, False),
        ("higher than NT3", "higher than NT4", False, False),
        ("1,292 of 1,400 cells", "1,291 of 1,400 cells", False, False),
        ("0.330801", "0.330922", True, True),
        ("0.330801", "0.333", True, False),
        ("0.4", "0.42", True, False),
        ("34", "35", True, False),
        ("0.0", "", True, False),
        ("78.42", "78.43", True, True),
        ("-0.0001", "0.0001", True, True),
    ],
)
def test_words_are_compared_exactly_and_numbers_by_their_digits(
    stored: str, found: str, raw: bool, agree: bool
) -> None:
    assert same(stored, found, raw=raw) is agree
    assert same(found, stored, raw=raw) is agree


def test_a_changed_table_is_told_cell_by_cell() -> None:
    assert differences("a,b\n1,0.5\n", "a,b\n1,0.500001\n", ".csv") == []
    assert len(differences("a,b\n1,0.5\n", "a,b\n2,0.5\n", ".csv")) == 2
    assert "only made: 3,0.5" in differences("a,b\n1,0.5\n", "a,b\n1,0.5\n3,0.5\n", ".csv")
