"""A run: one prediction of one study by one model, with everything needed to repeat it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


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

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "warnings": list(self.warnings)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Provenance:
        return cls(**{**data, "warnings": tuple(data.get("warnings", ()))})


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
