"""A run: one prediction of one study by one model, with everything needed to repeat it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from nscweb.core.plain import REFUSE_UNKNOWN

# How a network is run: as trained, or in its 8-bit form.
# Key in the `extra` of a run: whether its cells were recorded at the setting of the training images.
SETTING = "setting"
Mode = Literal["exact", "fast"]


@dataclass(frozen=True)
class Provenance:
    """What made a prediction table.

    Attributes:
        study: name of the study.
        study_id: its id.
        cells_sha256: digest over the cell files that were read.
        model: name in the card.
        model_version: version in the card.
        weights_sha256: of the weights file, checked before the run.
        channel: channel that was analysed.
        settings: batch size, device, threads, backend.
        versions: of nscweb, Python and the packages that touch numbers.
        started_utc: ISO 8601 with Z.
        seconds: duration from a monotonic clock.
        simulated_cells: the study is simulated.
        simulated_training: the model was trained on simulated cells.
        warnings: sentences that belong beside every number of this run.
    """

    __pydantic_config__ = REFUSE_UNKNOWN
    study: str
    study_id: str
    cells_sha256: str
    model: str
    model_version: str
    weights_sha256: str
    channel: str
    settings: dict[str, Any]
    versions: dict[str, str]
    started_utc: str
    seconds: float
    simulated_cells: bool
    simulated_training: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Run:
    """A finished run as the catalogue keeps it."""

    run_id: str
    study_id: str
    model: str
    created_utc: str
    cells: int
    class_names: tuple[str, ...]
    provenance: Provenance
    extra: dict[str, Any] = field(default_factory=dict)
