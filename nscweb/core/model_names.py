"""Names that become folders of models, trainings and searches, on Windows too."""

from __future__ import annotations

import re
import unicodedata

MODEL_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")
MODEL_NAME_RULE = "Use letters without accents, digits and . _ - only, at most 80, and begin with a letter or a digit."
_MOST = 80
# Letters that are not a plain letter with an accent.
_LETTERS = str.maketrans({"ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "Ae", "œ": "oe", "ł": "l", "Ł": "L", "đ": "d"})


def made_valid(text: str) -> str:
    """The nearest possible name to what somebody typed; "" where nothing of it is left.

    Accents are left off, and whatever else a name cannot have becomes a dash.
    """
    open_form = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    plain = "".join(letter for letter in open_form if not unicodedata.combining(letter))
    dashed = re.sub(r"-{2,}", "-", re.sub(r"[^A-Za-z0-9._-]+", "-", plain))
    # Windows takes no name that ends in a dot.
    return dashed.lstrip("._-")[:_MOST].rstrip(".-")
