"""Which marker stands for which class, where its threshold lies, and what single-stained controls say of spill-over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.errors import StoreError, WrongUse
from nscweb.core.plain import from_plain, to_plain
from nscweb.core.samples import Sample, Study
from nscweb.evaluation.scores.two_groups import otsu_threshold, two_normals
from nscweb.services.labels.marker_table import marker_channels, marker_table
from nscweb.words.numbers import count, listed

if TYPE_CHECKING:
    from nscweb.services.context import App

Float64 = NDArray[np.float64]
Method = Literal["auto", "controls", "mixture", "otsu", "by hand"]
METHODS: dict[Method, str] = {
    "auto": "chosen by the program",
    "controls": "from unstained and single-stained samples",
    "mixture": "two groups (mixture of two normal distributions)",
    "otsu": "two groups (Otsu)",
    "by hand": "set by hand",
}
_INFO_KEY = "markers"
# So many cells without the stain may lie above a threshold from controls.
FALSE_POSITIVE = 0.01
_LEAST_CONTROLS = 50
# Mean light of a positive group, in standard deviations of the background of a pixel.
_LEAST_LIGHT = 0.5
_LEAST_CELLS = 20
# Rank correlation and share of the light from which spill-over is named.
_SPILL_CORRELATION, _SPILL_SHARE = 0.4, 0.02
_STAINING = ("staining", "stain", "stained", "stains", "markers", "control", "controls")
_UNSTAINED = ("unstained", "none", "no stain", "not stained")


@dataclass(frozen=True)
class Marker:
    """One marker.

    Attributes:
        channel: that shows it.
        name: of the marker, such as GFAP.
        class_name: what a cell is that has this marker and no other one; "" for a channel that says nothing.
        method: how its threshold is found.
        threshold: grey values above the background, for the method ``by hand``.
    """

    channel: str
    name: str = ""
    class_name: str = ""
    method: Method = "auto"
    threshold: float = 0.0

    @property
    def title(self) -> str:
        """Name and channel for people."""
        return f"{self.name} ({self.channel})" if self.name and self.name != self.channel else self.channel


@dataclass(frozen=True)
class MarkerSettings:
    """What is said of the markers of a study.

    Attributes:
        markers: one per channel that shows one.
        unstained: samples without any stain.
        single: channel -> samples that have this stain alone.
    """

    markers: tuple[Marker, ...] = ()
    unstained: tuple[str, ...] = ()
    single: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def controls(self) -> set[str]:
        """Samples that were made to set thresholds; their cells get no label."""
        return {*self.unstained, *(name for names in self.single.values() for name in names)}


@dataclass(frozen=True)
class Threshold:
    """Where a marker begins.

    Attributes:
        marker: which one.
        value: grey values above the background.
        noise: spread of the background, grey values; histograms are linear within it and logarithmic beyond.
        method: that found it.
        sentence: how, in words, with what is doubtful about it.
        clean: two groups are cleanly apart, or controls say where the threshold lies.
    """

    marker: Marker
    value: float
    noise: float
    method: Method
    sentence: str
    clean: bool

    def shown(self, values: Float64) -> Float64:
        """Intensities on the axis of histograms."""
        return scaled(values, self.noise)


def scaled(values: Float64, noise: float) -> Float64:
    """Inverse hyperbolic sine of intensities in units of the noise: near 0 linear, then logarithmic."""
    return np.asarray(np.arcsinh(values / max(noise, 1e-9)), np.float64)


def marker_settings(app: App, study: str) -> MarkerSettings:
    """What was said of the markers of a study, else what names of channels and the sheet let one guess.

    Raises:
        StudyNotFound: no such study.
    """
    found = app.catalogue.study(study)
    stored = app.catalogue.study_info(found.study_id).get(_INFO_KEY)
    if stored:
        return from_plain(MarkerSettings, stored, "The markers of the study", StoreError)
    return _guessed(found)


def set_markers(app: App, study: str, settings: MarkerSettings) -> None:
    """Keep what is said of the markers of a study.

    Raises:
        StudyNotFound: no such study.
        WrongUse: a channel or sample that the study does not have.
    """
    found = app.catalogue.study(study)
    channels, samples = marker_channels(found), {sample.name for sample in found.samples}
    for name in (*(marker.channel for marker in settings.markers), *settings.single):
        if name not in channels:
            have = f"It has {listed(list(channels))}." if channels else "It has none but brightfield."
            raise WrongUse(f"The study {found.name} has no marker channel {name!r}.", have, "E-CHANNEL")
    for name in settings.controls:
        if name not in samples:
            raise WrongUse(f"The study {found.name} has no sample {name!r}.", "Take its name from the sample sheet.")
    app.catalogue.change_info(found.study_id, **{_INFO_KEY: to_plain(settings)})


def thresholds(app: App, study: str, settings: MarkerSettings) -> dict[str, Threshold]:
    """Channel -> threshold of its marker, from the cells that were measured and that gates keep.

    Raises:
        StudyNotFound: no such study.
        WrongUse: the markers are not measured, or controls are asked for and there are too few cells of them.
    """
    found = app.catalogue.study(study)
    table = marker_table(app, found.study_id)
    if not len(table):
        raise WrongUse("The markers of this study are not measured yet.", "Measure them first.", "E-MARKERS")
    table = table[table["kept"]]
    return {marker.channel: _threshold(marker, table, settings) for marker in settings.markers}


def spill_over(app: App, study: str, settings: MarkerSettings) -> list[str]:
    """Sentences on two channels that rise together in samples that have one stain alone.

    Raises:
        StudyNotFound: no such study.
    """
    found = app.catalogue.study(study)
    table = marker_table(app, found.study_id)
    titles = {marker.channel: marker.title for marker in settings.markers}
    said = []
    for channel, samples in settings.single.items():
        rows = table[table["kept"] & table["sample"].isin(samples)]
        for other in marker_channels(found):
            if other == channel or len(rows) < _LEAST_CELLS:
                continue
            both = rows[[f"{channel}_intensity", f"{other}_intensity"]].dropna()
            correlation, share = _together(both.to_numpy(np.float64))
            if correlation >= _SPILL_CORRELATION and share >= _SPILL_SHARE:
                said.append(
                    f"Spill-over: in {listed(list(samples))}, stained for {titles.get(channel, channel)} alone, "
                    f"{titles.get(other, other)} rises with it: {100 * share:.0f} % of its light appears there (rank "
                    f"correlation {correlation:.2f}). Cells positive in both may be spill-over; compensate in the "
                    "instrument's software and import again."
                )
    return said


def _together(values: Float64) -> tuple[float, float]:
    """(rank correlation, rise of the second from the lowest to the highest quarter of the first, per rise of it)."""
    if len(values) < _LEAST_CELLS:
        return 0.0, 0.0
    ranks = pd.DataFrame(values).rank().to_numpy(np.float64)
    if not ranks.std(axis=0).all():
        return 0.0, 0.0
    correlation = float(np.corrcoef(ranks.T)[0, 1])
    order = np.argsort(values[:, 0])
    quarter = max(1, len(order) // 4)
    rise = np.median(values[order[-quarter:]], axis=0) - np.median(values[order[:quarter]], axis=0)
    return correlation, float(rise[1] / rise[0]) if rise[0] > 0 else 0.0


def _threshold(marker: Marker, table: pd.DataFrame, settings: MarkerSettings) -> Threshold:
    column = table[f"{marker.channel}_intensity"].to_numpy(np.float64)
    noise = float(np.nanmedian(table[f"{marker.channel}_noise"].to_numpy(np.float64))) if len(table) else 1.0
    noise = noise if noise > 0 else 1.0
    if marker.method == "by hand":
        return Threshold(marker, marker.threshold, noise, "by hand", "The threshold was set by hand.", True)
    single = settings.single.get(marker.channel, ())
    without = (settings.controls - set(single)) if settings.controls else set()
    inside = table["sample"].isin(list(without)).to_numpy(bool)
    negatives = column[inside & np.isfinite(column)]
    if marker.method == "controls" and len(negatives) < _LEAST_CONTROLS:
        raise WrongUse(
            f"Only {count(len(negatives), 'cell')} of unstained samples and of other single stains can set the "
            f"threshold of {marker.title}; {_LEAST_CONTROLS} are needed.",
            "Name the controls, or take another way to find the threshold.",
            "E-MARKER-CONTROLS",
        )
    if marker.method in ("auto", "controls") and len(negatives) >= _LEAST_CONTROLS:
        return _by_controls(marker, column, negatives, table["sample"].isin(single).to_numpy(bool), noise)
    stained = column[~table["sample"].isin(list(settings.controls)).to_numpy(bool) & np.isfinite(column)]
    return _by_groups(marker, stained, noise)


def _by_controls(
    marker: Marker, column: Float64, negatives: Float64, single: NDArray[np.bool_], noise: float
) -> Threshold:
    value = float(np.quantile(negatives, 1 - FALSE_POSITIVE))
    said = f"{100 * FALSE_POSITIVE:.0f} % of {len(negatives):,} control cells without {marker.title} lie above it."
    own = column[single & np.isfinite(column)]
    if len(own) >= _LEAST_CELLS:
        said += f" Of {len(own):,} cells stained for it alone {100 * float((own > value).mean()):.0f} % do."
    return Threshold(marker, value, noise, "controls", said, True)


def _by_groups(marker: Marker, values: Float64, noise: float) -> Threshold:
    shown = scaled(values, noise)
    fitted = two_normals(shown)
    # Groups that differ by less than the noise of a pixel are no stain.
    clean = fitted is not None and fitted.clean and fitted.means[1] >= scaled(np.array([_LEAST_LIGHT]), 1.0)[0]
    if marker.method in ("auto", "mixture") and fitted is not None and (clean or marker.method == "mixture"):
        value, method = float(np.sinh(fitted.threshold) * noise), "mixture"
        said = (
            f"Two groups were fitted to {len(values):,} cells: {100 * fitted.weights[1]:.0f} % positive; they lie "
            f"{fitted.separation:.1f} spreads apart."
        )
    else:
        value, method = float(np.sinh(otsu_threshold(shown)) * noise), "otsu"
        said = f"Otsu's threshold of {len(values):,} cells."
    if not clean:
        said += " Two groups are not seen clearly, so many cells near it are on the wrong side: look at the examples."
    return Threshold(marker, value, noise, "mixture" if method == "mixture" else "otsu", said, clean)


def _guessed(study: Study) -> MarkerSettings:
    """Markers by names of channels; those of the simulator for its studies; controls by the sample sheet."""
    from nscweb.simulation.markers import MARKERS
    from nscweb.simulation.traits import FATES

    names = {name.casefold(): (name, FATES[fate]) for name, fate in MARKERS.values()}
    markers = []
    for channel in marker_channels(study):
        known = next((pair for text, pair in names.items() if text in channel.casefold()), None)
        if known is None and study.simulated and channel in MARKERS:
            name, fate = MARKERS[channel]
            known = (name, FATES[fate])
        markers.append(Marker(channel, *(known or ())))
    return with_controls(MarkerSettings(tuple(markers)), study.samples)


def with_controls(settings: MarkerSettings, samples: Sequence[Sample]) -> MarkerSettings:
    """The settings with the controls that the sheet names: in a column on staining, or in group or name."""
    unstained, single = [], dict[str, list[str]]()
    for sample in samples:
        said = _staining(dict(sample.extra)) or f"{sample.group} {sample.name}"
        words = said.casefold().replace("_", " ").replace("-", " ")
        if any(word in words for word in _UNSTAINED if word != "none") or words.strip() in _UNSTAINED:
            unstained.append(sample.name)
            continue
        alone = [
            marker.channel
            for marker in settings.markers
            for name in {marker.name.casefold(), marker.channel.casefold()} - {""}
            if words.strip() == name
            or any(text in words for text in (f"{name} only", f"only {name}", f"single {name}"))
        ]
        if len(set(alone)) == 1:
            single.setdefault(alone[0], []).append(sample.name)
    return replace(
        settings, unstained=tuple(unstained), single={channel: tuple(names) for channel, names in single.items()}
    )


def _staining(extra: Mapping[str, str]) -> str:
    return next((value.strip() for name, value in extra.items() if name.strip().casefold() in _STAINING), "")
