"""The methods text of a report: filled in from the run, in paragraphs ready for a paper, with references."""

from __future__ import annotations

from dataclasses import dataclass

from nscweb.core.timepoint import TimePoint
from nscweb.services.compare.facts import cells_counted
from nscweb.services.report.content import ReportData
from nscweb.services.report.methods_statistics import ratio_sentences, test_sentences
from nscweb.services.report.references import REFERENCES, cite, numbers, plural
from nscweb.services.report.scope import analysed, chosen_words, counted_samples
from nscweb.services.study.gates import gates_of_run
from nscweb.words.numbers import listed

_MOST_NAMED = 9


@dataclass(frozen=True)
class MethodsPart:
    """A paragraph with its short heading."""

    title: str
    sentences: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(self.sentences)


def methods_parts(data: ReportData) -> tuple[list[MethodsPart], list[str]]:
    """(paragraphs, references that they name in order), made from the run alone.

    What the program cannot know, such as the instrument, stands in square brackets to be filled in.
    """
    used: list[str] = []
    parts = [
        MethodsPart("Images and cells", tuple(_cells(data))),
        MethodsPart("Model", tuple(_model(data, used))),
        MethodsPart("Ratios", tuple(ratio_sentences(data, used))),
        MethodsPart("Statistics", tuple(test_sentences(data, used))),
        MethodsPart("Quality and limits", tuple(_limits(data))),
        MethodsPart("Software", (_software(data),)),
    ]
    cited = data.card.citation if data.card is not None else ""
    return [part for part in parts if part.sentences], [REFERENCES.get(key, cited) for key in used]


def _cells(data: ReportData) -> list[str]:
    found, made = data.found, data.run.provenance
    samples = analysed(found)
    named = list(dict.fromkeys(name for name in samples["group"].astype(str) if name))
    times = [TimePoint(float(hours)).label() for hours in sorted(samples["time_h"].dropna().unique())]
    size = data.provenance.get("pixel_size_um")
    parts = [f"{len(samples):,} {plural(len(samples), 'sample')}"]
    parts += [f"{len(named)} inducer {plural(len(named), 'group')}"] if named else []
    parts += [f"{plural(len(times), 'time point')} {', '.join(times)}"] if times else []
    parts += [f"channel {made.channel}", f"{size:g} µm per pixel" if size else "[pixel size in µm]"]
    predicted = int(samples["cells_in"].sum())
    said = [
        f"{'Simulated brightfield' if made.simulated_cells else 'Brightfield'} images of {predicted:,} cells "
        f"({'; '.join(parts)}){_recorded(data)} were analysed.",
        *chosen_words(found),
    ]
    gates = gates_of_run(data.run).sentence(found.filters.exclude_flags).rstrip(".")
    left_out = gates.removeprefix("Left out: ")
    ruled = f"Cells were left out for their quality by fixed rules: {left_out}." if left_out != gates else f"{gates}."
    behind = found.estimates.table.drop_duplicates("sample_id")["cells"]
    each = f", {numbers(behind)} per sample (median {behind.median():,.0f})" if len(behind) else ""
    counted = cells_counted(found)
    share = f"{100 * counted / max(1, predicted):.1f} %"
    said.append(f"{ruled} Of these {predicted:,} cells, {counted:,} ({share}) entered the ratios{each}.")
    if found.data.controls:
        names = ", ".join(found.data.controls)
        said.append(f"Control samples ({names}) served to calibrate and are in no result.")
    return said


def _recorded(data: ReportData) -> str:
    """On what the images were recorded: as the sample sheet says, else a blank to be filled in."""
    if data.run.provenance.simulated_cells:
        return ""
    here = set(analysed(data.found)["sample_id"].astype(str))
    names = sorted({item.instrument for item in data.found.data.sheet if item.name in here and item.instrument})
    return f" recorded on {listed(names) if names else '[instrument]'}"


def _model(data: ReportData, used: list[str]) -> list[str]:
    made = data.run.provenance
    name = f"{made.model} version {made.model_version} (SHA-256 of the weights {made.weights_sha256[:16]}…)"
    card = data.card
    source = f" {cite(used, 'model')}" if card is not None and card.citation else ""
    said = [f"Each cell was given a score for each class by the network {name}{source}."]
    if card is None:
        return said
    kind = "simulated" if card.origin.simulated else "measured"
    said.append(
        f"The network ({card.architecture}) had been trained on {card.origin.cells:,} {kind} cells and tells "
        f"{', '.join(card.classes.names)} apart."
    )
    accuracy = card.performance.metric("accuracy")
    if accuracy is not None:
        how = f", {accuracy.interval}" if accuracy.interval else ""
        said.append(
            f"On {accuracy.cells:,} {kind} held-out cells of {accuracy.samples:,} samples its accuracy was "
            f"{100 * accuracy.value:.1f} % (95 % interval {100 * accuracy.low:.1f} to "
            f"{100 * accuracy.high:.1f} %{how})."
        )
    if "temperature" in card.calibration:
        said.append(
            f"Scores were calibrated by temperature scaling {cite(used, 'guo')} on cells that were not trained on "
            f"(temperature {card.temperature:.2f})."
        )
    return [*said, *_calibration_error(data, used)]


def _calibration_error(data: ReportData, used: list[str]) -> list[str]:
    """What calibration left over: all held-out cells together, at the worst time point, at the worst analysed one."""
    overall = [item for item in data.reliability if not item.class_name and item.time_h is None]
    if not overall:
        return ["The calibration error of the scores is not known: no held-out cells came with the model."]
    whole, by_time = overall[0], [item for item in data.reliability if item.time_h is not None]
    said = (
        f"The calibration error that remains (ECE {cite(used, 'guo')}: mean distance between the highest score and the "
        f"share of cells that it names rightly) was {100 * whole.ece:.1f} percentage points on {whole.cells:,} "
        f"held-out cells (95 % interval {100 * whole.low:.1f} to {100 * whole.high:.1f}; "
        f"{100 * whole.by_chance:.1f} expected by chance)"
    )
    if not by_time:
        return [f"{said}."]
    worst = max(by_time, key=lambda item: item.ece)
    said += f", and {100 * worst.ece:.1f} points at the worst time point ({TimePoint(worst.time_h or 0).label()})"
    times = {float(hours) for hours in analysed(data.found)["time_h"].dropna()}
    here = [item for item in by_time if item.time_h in times]
    if here and worst not in here:
        own = max(here, key=lambda item: item.ece)
        said += (
            f"; among the time points analysed here the worst is {TimePoint(own.time_h or 0).label()} with "
            f"{100 * own.ece:.1f} points"
        )
    return [f"{said}."]


def _limits(data: ReportData) -> list[str]:
    found, made = data.found, data.run.provenance
    said = []
    names = counted_samples(found)
    lights = [found.lights[name] for name in names if name in found.lights]
    if lights:
        doubt = [name for name in names if found.lights.get(name, "green") != "green"]
        end = "no sample differed from them"
        if doubt:
            verb = "differs" if len(doubt) == 1 else "differ"
            end = (
                f"{len(doubt):,} of {len(lights):,} samples {verb} from them ({listed(doubt, _MOST_NAMED)}) and "
                f"{'was' if len(doubt) == 1 else 'were'} kept in the analysis, flagged in all tables"
            )
        said.append(
            "Before counting, each sample was checked for being like the samples that the model was tested on: its "
            f"images, the features that the network computes and the stored camera values were compared; {end}."
        )
    lost = int((~found.estimates.table["recovered"].astype(bool)).sum())
    if lost:
        whole = len(found.estimates.table)
        said.append(
            f"{lost:,} of {whole:,} shares of samples could not be recovered from the scores and are not given."
        )
    if made.simulated_cells:
        said.append("The cells are simulated; the numbers say nothing about real cultures.")
    if made.simulated_training:
        said.append("The model was trained on simulated cells; its accuracy for real cells is not known.")
    return said


def _software(data: ReportData) -> str:
    versions = data.run.provenance.versions
    wanted = (
        "python",
        "torch",
        "onnxruntime",
        "numpy",
        "pandas",
        "scipy",
        "statsmodels",
        "scikit-learn",
        "opencv-python",
    )
    listed_all = ", ".join(f"{name} {versions[name]}" for name in wanted if name in versions)
    return (
        f"The analysis was made with nscweb {versions.get('nscweb', '')} ({listed_all}), run {data.run.run_id} of "
        f"{data.run.created_utc[:10]}; all settings and hashes in full are in the report, from which `nscweb rerun` "
        "makes the tables again."
    )
