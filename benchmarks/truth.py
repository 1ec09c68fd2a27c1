"""Does the truth of simulated mixed cultures lie inside the intervals that the page shows, as often as promised?

    python -m benchmarks.truth [--studies 2] [--cells 12150] [--seed 900] [--model nsc-simulated-compact]

Every study is planned like a screen (nine inducer groups, three time points, three replicates, mixed fates), drawn by
the simulator, measured, gated and predicted by the road of the program, and counted by the default way. Seeds are not
those of training. The truth of a sample is the share that its cells were drawn with; that of a group is the mean of
its replicates (what the samples at hand were) and the mean that the group was planned with (what the next replicates
would be). Also: how often the leader of a time point is named rightly, and how often "higher than" is false.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.moderated import Study, judged, planned_shares
from nscweb.core.card import CardEntry, read_card
from nscweb.core.flags import LEFT_OUT, pack
from nscweb.evaluation.groups.group_errors import VARIANCES, group_errors
from nscweb.evaluation.groups.means import group_estimates, replicate_rows
from nscweb.evaluation.groups.shared_error import shared_error
from nscweb.evaluation.ratios.cell_scores import CellScores, cell_scores
from nscweb.evaluation.ratios.corrected import estimate
from nscweb.evaluation.scores.intervals import wilson
from nscweb.inference.classifier import Classifier
from nscweb.inference.held_out_file import read_held_out
from nscweb.preprocess.cell_quality import measure, quality_flags
from nscweb.services.compare.headline_tests import group_comparisons
from nscweb.simulation.camera import PROFILES
from nscweb.simulation.design import GROUPS, SimulatedSample, StudyDesign, plan_study
from nscweb.simulation.sample_cells import draw_sample
from nscweb.simulation.traits import FATES
from nscweb.simulation.writer import sample_illumination
from nscweb.words.headline import answer

PROJECT = Path(__file__).resolve().parents[1]
METHODS = ("pacc", "naive")


def drawn(design: StudyDesign, model: Classifier) -> Iterator[pd.DataFrame]:
    """The prediction table of each sample."""

    unwanted = pack(LEFT_OUT)
    for sample in design.samples:
        light = sample_illumination(design.seed, sample, "flowsight", False)[0]
        rng = np.random.default_rng([design.seed, 3, sample.index])
        cells = draw_sample(
            rng, sample.cells, sample.ratios, sample.time_h, PROFILES["flowsight"], light, channels=("Ch1",)
        )
        planes = [cell.pixels for cell in cells]
        flags = np.asarray(quality_flags(pd.DataFrame([measure(plane[0])._asdict() for plane in planes])), int)
        yield _table(sample, model.predict(planes), flags).loc[(flags & unwanted) == 0]


def _table(sample: SimulatedSample, scores: np.ndarray, flags: np.ndarray) -> pd.DataFrame:
    table = pd.DataFrame({f"p_{fate}": scores[:, index] for index, fate in enumerate(FATES)})
    about = {
        "sample_id": sample.name,
        "group": sample.group,
        "time_h": sample.time_h,
        "replicate": str(sample.replicate),
        "true_class": "",
        "flags": flags,
    }
    return table.assign(**about, predicted=np.asarray(FATES, object)[scores.argmax(axis=1)])


def covered(cells: CellScores, design: StudyDesign, entry: CardEntry, method: str) -> pd.DataFrame:
    """One row per interval: level (sample, group_now, group_planned), time_h, width, error, inside."""
    found = estimate(cells, read_held_out(entry), method)
    true = {(item.name, fate): item.ratios[index] for item in design.samples for index, fate in enumerate(FATES)}
    rows = []
    for row in found.table.to_dict("records"):
        rows.append(("sample", row, row["ratio"], true[(row["sample_id"], row["class"])]))
    planned = {group.name: group for group in GROUPS}
    errors = group_errors(replicate_rows(found), shared_error(found))
    for row in group_estimates(found, errors).to_dict("records"):
        place = FATES.index(row["class"])
        own = [item.ratios for item in design.samples if (item.group, item.time_h) == (row["group"], row["time_h"])]
        rows.append(("group, these replicates", row, row["mean"], float(np.mean([ratios[place] for ratios in own]))))
        group = planned[row["group"]]
        share = group.percent[row["time_h"]] / 100
        rest = group.rest[place] * (1 - share)
        rows.append(("group, as planned", row, row["mean"], share if place == group.fate else rest))
    return pd.DataFrame(
        [
            {
                "level": level,
                "method": method,
                "time_h": row["time_h"],
                "class": row["class"],
                "recovered": bool(row["recovered"]),
                "width": row["high"] - row["low"],
                "error": abs(value - truth),
                "inside": bool(row["low"] <= truth <= row["high"]),
            }
            for level, row, value, truth in rows
        ]
    )


def claims(cells: CellScores, design: StudyDesign, entry: CardEntry) -> pd.DataFrame:
    """The sentence on neurons at each time point against the planned means."""
    found = estimate(cells, read_held_out(entry), "pacc")
    rows = replicate_rows(found)
    errors = group_errors(rows, shared_error(found))
    tests = group_comparisons(rows.assign(light="green"), "", "holm", errors)
    groups = group_estimates(found, errors).assign(light="green")
    rows = []
    for hours in sorted({item.time_h for item in design.samples}):
        said = answer(groups, tests, "neuron", hours)
        planned = {
            group.name: share if group.fate == 2 else group.rest[2] * (1 - share)
            for group in GROUPS
            for share in [group.percent.get(hours, np.nan) / 100]
            if np.isfinite(share)
        }
        others = [value for name, value in planned.items() if name != said.leader]
        clear = said.verdict == "clear"
        rows.append((hours, said.verdict, clear and planned[said.leader] <= max(others, default=-1.0)))
    return pd.DataFrame(rows, columns=["time_h", "verdict", "false_claim"])


def both_ways(cells: CellScores, entry: CardEntry) -> dict[str, dict[str, np.ndarray]]:
    """Means and tests of one study with each spread of replicates, judged as in `benchmarks/moderated.py`."""
    found = estimate(cells, read_held_out(entry), "pacc")
    rows, shared = replicate_rows(found), shared_error(found)
    study = Study([], planned_shares(), {})
    return {way: judged(study, rows, group_errors(rows, shared, way)) for way in VARIANCES}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2)
    parser.add_argument("--cells", type=int, default=12_150)
    parser.add_argument("--seed", type=int, default=900)
    parser.add_argument("--model", default="nsc-simulated-compact")
    asked = parser.parse_args()
    entry = read_card(PROJECT / "weights" / asked.model)
    model = Classifier(entry, threads=1)
    parts, said = [], []
    ways: dict[str, list[dict[str, np.ndarray]]] = {way: [] for way in VARIANCES}
    for seed in range(asked.seed, asked.seed + asked.studies):
        start = time.process_time()
        design = plan_study(asked.cells, seed)
        cells = cell_scores(pd.concat(drawn(design, model), ignore_index=True), FATES)
        parts += [covered(cells, design, entry, method) for method in METHODS]
        said.append(claims(cells, design, entry))
        for way, found in both_ways(cells, entry).items():
            ways[way].append(found)
        print(f"study {seed}: {len(cells):,} cells counted, {time.process_time() - start:.0f} s", flush=True)
        told(pd.concat(parts, ignore_index=True), pd.concat(said, ignore_index=True))
        for way, each in ways.items():
            joined = {key: np.concatenate([one[key] for one in each]) for key in each[0]}
            number = len(joined["inside"])
            print(
                f"{way}: width {100 * joined['width'].mean():.1f}, holds the planned mean "
                f"{100 * joined['inside'].mean():.1f} % of {number}, finds {100 * joined['found'].mean():.0f} "
                f"% of {len(joined['found'])} pairs over 20 points, wrong signs {joined['wrong'].sum()}",
                flush=True,
            )


def told(table: pd.DataFrame, verdicts: pd.DataFrame) -> None:
    """Print what was found so far; the interval of coverage is over studies' samples or groups, not over fates."""
    columns = {
        "intervals": ("inside", "size"),
        "inside": ("inside", "mean"),
        "error": ("error", "mean"),
        "width": ("width", "mean"),
        "recovered": ("recovered", "mean"),
    }
    print(table.groupby(["level", "method"]).agg(**columns).round(3).to_string())
    shown = table[table["method"] == "pacc"].groupby(["level", "time_h"]).agg(**columns)
    # The fates of one sample hang together: three intervals count as one in the interval of coverage.
    low, high = wilson((shown["inside"] * shown["intervals"] / 3).to_numpy(), (shown["intervals"] / 3).to_numpy())
    print(shown.assign(inside_low=low, inside_high=high).round(3).to_string())
    print(
        f"sentences: {len(verdicts)}, with a claim: {(verdicts['verdict'] == 'clear').sum()}, "
        f"false claims: {verdicts['false_claim'].sum()}",
        flush=True,
    )


if __name__ == "__main__":
    main()
