"""The traffic light of a sample as a symbol and a word, the same in every figure, table and file."""

from __future__ import annotations

from collections.abc import Sequence

# Symbol, word, colour (Okabe-Ito; the symbol and the word say it without the colour).
_MARKS: dict[str, tuple[str, str, str]] = {
    "green": ("●", "fits", "#00795a"),
    "yellow": ("▲", "look closer", "#8a6100"),
    "red": ("■", "do not trust", "#b23a00"),
    "": ("○", "not judged", "#5b6775"),
}
MARK_HELP = (
    "Trust light: ● fits: the cells look like those that the model knows. ▲ look closer: some differ. ■ do not trust:"
    " they are unlike anything that the model knows, and its numbers may be far off. ○ not judged."
)


def mark(light: str) -> str:
    """ "■ do not trust"."""
    symbol, word, _ = _MARKS.get(light, _MARKS[""])
    return f"{symbol} {word}"


def light_of(mark_or_light: object) -> str:
    """ "red" for "■ do not trust" and for "red"; "" for what was not judged."""
    text = str(mark_or_light)
    return next((light for light, (sign, _, _) in _MARKS.items() if text.startswith(sign)), text)


def warning_mark(light: str) -> str:
    """ "■ do not trust" for red and yellow, "" for the others: what is added to a name in a figure."""
    return mark(light) if light in ("yellow", "red") else ""


def symbol(light: str) -> str:
    """ "■" for red, "▲" for yellow, "" for the others."""
    return _MARKS[light][0] if light in ("yellow", "red") else ""


def mark_colour(light: str) -> str:
    """Ink of the symbol, dark enough for text on white."""
    return _MARKS.get(light, _MARKS[""])[2]


def counted_lights(lights: Sequence[str]) -> str:
    """ "2 of 3 samples ● fits, 1 ▲ look closer"; "" without samples."""
    if not lights:
        return ""
    known = [name if name in _MARKS else "" for name in lights]
    total = len(known)
    parts: list[str] = []
    for name in _MARKS:
        if number := known.count(name):
            of = f"{number} of {total} {'sample' if total == 1 else 'samples'}" if not parts else f"{number}"
            parts.append(f"{of} {mark(name)}")
    return ", ".join(parts)
