"""Text that came from users (names of studies, samples, files) made safe to show: always plain text.

Streamlit reads labels as Markdown and our own blocks are HTML, so a sample called ``<b>x</b>`` or
``[x](http://example.org)`` must be escaped for the place where it is shown. Right-to-left marks can make a
name read as another one; they are shown as their code instead of being obeyed.
"""

from __future__ import annotations

import html as _html
import re
import unicodedata

# Everything that ASCII Markdown, Streamlit's colour and icon directives or maths could take as a command.
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:&^=])")
_LONGEST = 120


def plain(text: object, longest: int = _LONGEST) -> str:
    """One line of visible text: control and direction marks become ``[U+202E]``, long names are cut in the middle."""
    out = []
    for character in str(text):
        kind = unicodedata.category(character)
        if character in "\t\n\r ":
            out.append(" ")
        elif kind in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp"):
            out.append(f"[U+{ord(character):04X}]")
        else:
            out.append(character)
    line = "".join(out).strip()
    if len(line) > longest:
        half = (longest - 1) // 2
        line = f"{line[:half]}…{line[-half:]}"
    return line


def html(text: object, longest: int = _LONGEST) -> str:
    """`plain` text for an HTML block."""
    return _html.escape(plain(text, longest), quote=True)


def label(text: object, longest: int = _LONGEST) -> str:
    """`plain` text for a place that Streamlit reads as Markdown (labels, captions, messages)."""
    return _MARKDOWN.sub(r"\\\1", plain(text, longest))


def duration(seconds: float | None) -> str:
    """ "12 s", "3 min 20 s", "1 h 5 min"; an empty text when not known."""
    if seconds is None or seconds < 0:
        return ""
    whole = round(seconds)
    if whole < 60:
        return f"{max(whole, 1)} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 and whole < 600 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def when(utc: str) -> str:
    """An ISO 8601 UTC time as ``2024-05-31 14:05 UTC``."""
    return f"{utc[:10]} {utc[11:16]} UTC" if len(utc) >= 16 else plain(utc)


def percent(share: float, digits: int = 1) -> str:
    """A share 0..1 as ``72.3 %``."""
    return f"{100 * share:.{digits}f} %"
