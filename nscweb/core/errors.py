"""One tree of errors. Raised only when nothing could be done; everything smaller is a `Finding`.

NscwebError
├── WrongUse                the command or the call makes no sense (exit code 2)
├── InputRefused            an archive, image or table that cannot be read at all
│   └── LimitExceeded       readable perhaps, but over a limit that a setting raises
├── StudyError
│   ├── StudyNotFound
│   └── StudyExists
├── ModelError
│   ├── ModelNotFound
│   ├── CardInvalid         card.json is missing, not JSON, or says impossible things
│   └── WeightsInvalid      hash, tensors or numbers of the weights are not what the card says
├── StoreError
│   ├── CatalogueLocked     another process holds the catalogue
│   └── DiskFull
└── JobError
    ├── JobNotFound
    └── JobCancelled        somebody pressed Cancel; not a fault
"""

from __future__ import annotations

from collections.abc import Iterable


class NscwebError(Exception):
    """Something that stopped the task, told so that a biologist can act on it.

    Attributes:
        what: one sentence, what happened and to which file or study.
        todo: one sentence, what to do about it; may be empty.
        code: stable code such as ``E-ZIP-TRUNCATED`` for scripts and search.
    """

    default_code = "E-NSCWEB"

    def __init__(self, what: str, todo: str = "", code: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.todo = todo
        self.code = code or self.default_code

    def __str__(self) -> str:
        return f"{self.what} {self.todo}".strip()


class WrongUse(NscwebError):
    default_code = "E-USE"


class InputRefused(NscwebError):
    default_code = "E-INPUT"


class LimitExceeded(InputRefused):
    default_code = "E-LIMIT"


class StudyError(NscwebError):
    default_code = "E-STUDY"


class StudyNotFound(StudyError):
    default_code = "E-STUDY-NOT-FOUND"


class StudyExists(StudyError):
    default_code = "E-STUDY-EXISTS"


class ModelError(NscwebError):
    default_code = "E-MODEL"


class ModelNotFound(ModelError):
    default_code = "E-MODEL-NOT-FOUND"


class CardInvalid(ModelError):
    default_code = "E-CARD"


class WeightsInvalid(ModelError):
    default_code = "E-WEIGHTS"


class StoreError(NscwebError):
    default_code = "E-STORE"


class CatalogueLocked(StoreError):
    default_code = "E-CATALOGUE-LOCKED"


class DiskFull(StoreError):
    default_code = "E-DISK-FULL"


class JobError(NscwebError):
    default_code = "E-JOB"


class JobNotFound(JobError):
    default_code = "E-JOB-NOT-FOUND"


class JobCancelled(JobError):
    default_code = "E-JOB-CANCELLED"


def check_choice(value: str, known: Iterable[str], what: str) -> None:
    """Refuse a value that is not among the known ones, in the same words wherever it is chosen.

    Args:
        what: in words, such as ``way to adjust p values``.

    Raises:
        WrongUse: it is not; what is known is named.
    """
    names = tuple(known)
    if value not in names:
        raise WrongUse(f"There is no {what} called {value!r}.", f"Use one of {', '.join(names)}.")
