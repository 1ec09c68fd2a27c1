"""Two texts compared: words exactly, numbers with the tolerance that their digits ask for, volatile things not at all.

Where the tolerances come from. The same weights give scores that differ by float32 rounding between processors, by
1e-6 to 1e-5, and where the simulator rounds otherwise one image in some thousand differs by one grey level.
`test_golden.py` checks that no cell of the golden studies lies so near to a tie of two classes that this could change
its class, so counts are exact. Shares, p values and ends of intervals move with the scores. With vector instructions
limited to SSE they moved by up to 1e-4, and with noise of 1e-5 on all scores by up to half of that; `ABS` and `REL`
allow five times as much. The weights of another training move them a hundred times further.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

REL, ABS = 2e-3, 5e-4
_SHOWN = 6  # significant digits of a number in a golden file
_MOST_SAID = 12  # differences that are listed

_VOLATILE: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"\b[0-9a-f]{64}\b", "<sha256>"),
        (r"(?<![\w.])(?=\d*[a-f])[0-9a-f]{12,16}\b…?", "<digest>"),
        (r"\br\d{6}\b", "<run>"),
        (r"\bs\d{6}\b", "<study>"),
        (r"\b20\d\d-\d\d-\d\dT[\d:]+Z|\bof 20\d\d-\d\d-\d\d\b", "<date>"),
        # Of this program, of Python and of libraries.
        (
            r"\b(nscweb|[Pp]ython|torch|torchvision|numpy|pandas|pyarrow|scipy|scikit-learn|statsmodels|opencv-python|"
            r"onnxruntime|ONNX Runtime|openpyxl|tifffile|pillow|plotly|streamlit) \d[\w.+]*",
            r"\1 <version>",
        ),
        (r'("seconds": )[\d.]+', r"\1<seconds>"),
        (r"(?<= in )[\d.]+ s\b", "<seconds>"),
        (r"(?<![^\s\"'])/\S*/(?=[\w.]+\.\w+)", "<folder>/"),
    )
)
_LONG = re.compile(r"-?\d+\.\d{5,}(?:e[-+]?\d+)?|-?\d+(?:\.\d+)?e-\d+")
_NUMBER = re.compile(r"(?<![\w.])[-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[-+]?\d+)?(?![\w])")
# What may follow a share or a difference that was rounded to a whole number: more of them, then the unit.
_ROUNDED = re.compile(r"(?:(?:,| and| to|,? or) -?[\d.]+)*(?: %| points?\b)|(?:, -?[\d.]+)?\]")


def stable(text: str) -> str:
    """The text as a golden file holds it: placeholders for what changes with time and place, numbers not longer
    than they are sure."""
    text = _LONG.sub(lambda found: f"{float(found[0]):.{_SHOWN}g}", text)
    for pattern, name in _VOLATILE:
        text = pattern.sub(name, text)
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n") + "\n"


def differences(stored: str, found: str, kind: str) -> list[str]:
    """What differs, in lines for people; [] when the texts agree.

    Args:
        stored, found: from `stable`.
        kind: ".csv" is compared cell by cell; numbers in ".csv" and ".json" are raw, those in ".txt" rounded.
    """
    said = list(_in_lines(stored.splitlines(), found.splitlines(), kind))
    if len(said) > _MOST_SAID:
        said = [*said[:_MOST_SAID], f"... and {len(said) - _MOST_SAID} more"]
    return said


def _in_lines(before: list[str], after: list[str], kind: str) -> Iterator[str]:
    if len(before) != len(after):
        yield f"{len(before)} lines are stored, {len(after)} were made"
        yield from (f"only stored: {line}" for line in before if line not in set(after))
        yield from (f"only made: {line}" for line in after if line not in set(before))
        return
    for number, (line, made) in enumerate(zip(before, after, strict=True), start=1):
        if not (_same_cells(line, made) if kind == ".csv" else same(line, made, raw=kind != ".txt")):
            yield f"line {number}, stored: {line}"
            yield f"line {number}, made:   {made}"


def _same_cells(line: str, made: str) -> bool:
    cells, others = next(csv.reader([line])), next(csv.reader([made]))
    return len(cells) == len(others) and all(same(*pair, raw=True) for pair in zip(cells, others, strict=True))


def same(stored: str, made: str, *, raw: bool) -> bool:
    """Same words, and numbers within their tolerance; `raw` ones were not rounded for people."""
    if stored == made:
        return True
    if _NUMBER.sub("#", stored) != _NUMBER.sub("#", made):
        return False
    pairs = zip(_NUMBER.finditer(stored), _NUMBER.finditer(made), strict=True)
    return all(abs(_value(one[0]) - _value(two[0])) <= _tolerance(one, two, raw) for one, two in pairs)


def _value(text: str) -> float:
    return float(text.replace(",", "").replace("−", "-"))


def _tolerance(stored: re.Match[str], made: re.Match[str], raw: bool) -> float:
    """Exact for counts, one unit of the last digit for what was rounded, else as processors differ."""
    texts = stored[0], made[0]
    decimals = max(len(text.partition(".")[2].partition("e")[0]) for text in texts)
    if not decimals:
        return 1.0 if _ROUNDED.match(stored.string, stored.end()) else 0.0
    # A raw 0.4 is 0.400000, and no number that was rounded to one digit.
    rounded = (2 if raw else 1) <= decimals <= 4
    return max(1.0001 * 10.0**-decimals if rounded else 0.0, ABS + REL * abs(_value(stored[0])))
