"""What columns are called inside the program, table by table, and what they are called outside.

Inside, shares are fractions and names are short; `outgoing_name` says what becomes of a column at the exit. These
names and fractions are also those of the files of version 0.4.0, so that its reports are read by the same table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from nscweb.core.columns import COLUMNS, pattern_of
from nscweb.core.flags import FLAG_NAMES


@dataclass(frozen=True)
class Inside:
    """What columns of a table become at the exit.

    Attributes:
        names: name inside -> name outside; the values stay.
        fractions: the same for fractions that become per cent or percentage points.
        stems: beginning of the name inside -> name outside, with {} for the rest: ``n_neuron`` -> ``neuron_cells``.
        stem_fractions: the same for fractions.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    fractions: Mapping[str, str] = field(default_factory=dict)
    stems: Mapping[str, str] = field(default_factory=dict)
    stem_fractions: Mapping[str, str] = field(default_factory=dict)


_ANY = Inside(
    names={
        "sample_id": "sample",
        "cells_in": "cells_predicted",
        "predicted": "predicted_class",
        "confidence": "highest_score",
        "set": "class_set",
        "light": "trust_light",
        "lights": "trust_lights",
        "why": "why_no_ratio",
        "recovered": "ratio_known",
        "other": "compared_with",
        "n": "replicates",
        "n_group": "replicates_group",
        "n_other": "replicates_compared_with",
        "n_control": "replicates_compared_with",
        "cells_control": "cells_compared_with",
        "lost": "replicates_without_ratio",
        "p": "p_unadjusted",
        "p_single": "p_unadjusted",
        "family": "adjusted_over",
        "g": "hedges_g",
        "g_low": "hedges_g_low",
        "g_high": "hedges_g_high",
        "naive_percent": "counted_percent",
        "unlike": "unlike_training_data",
    },
    fractions={
        "ratio": "percent",
        "naive": "counted_percent",
        "share": "percent",
        "mean": "mean_percent",
        "naive_mean": "counted_percent",
        "low": "low_percent",
        "high": "high_percent",
        "sd": "sd_points",
        "sem": "sem_points",
        "difference": "difference_points",
        "margin": "margin_points",
        "error_rate": "error_rate_percent",
    },
)
_SCORES = {"p_": "{}_score"}
_DIFFERENCE = {"low": "low_points", "high": "high_points"}
_ALL = {"low_all": "low_all_points", "high_all": "high_all_points"}
# Data of figures are in per cent already.
_IN_PERCENT = {"low": "low_percent", "high": "high_percent"}
_MERIT = {"low": "value_low", "high": "value_high"}
_CURVE = {"fpr": "false_positive_rate", "tpr": "true_positive_rate", "kind": "curve", **_MERIT}
_SLOPES = {f"{name}_{axis}": f"{word}_{axis}_percent" for name, word in (("gradient", "slope"), ("stripes", "stripes"))
           for axis in "xy"}  # fmt: skip
_FLAGS = {name: f"left_out_{name}" for name in FLAG_NAMES} | {f"{name}_alone": f"carry_{name}" for name in FLAG_NAMES}
_LIGHT = {
    "gradient": "slope_percent",
    "gradient_spread": "slope_spread_percent",
    "stripes": "stripes_percent",
    "stripes_spread": "stripes_spread_percent",
}

INSIDE: dict[str, Inside] = {
    "Samples": Inside(
        stems={"n_": "{}_cells"},
        stem_fractions={
            "ratio_": "{}_percent",
            "low_": "{}_low_percent",
            "high_": "{}_high_percent",
            "counted_": "{}_counted_percent",
            "least_counted_": "{}_counted_low_percent",
            "most_counted_": "{}_counted_high_percent",
            # As version 0.4.0 wrote them: of a class "low_grade" nobody can tell naive_low_grade from that of "grade".
            "naive_low_": "{}_counted_low_percent",
            "naive_high_": "{}_counted_high_percent",
            "naive_": "{}_counted_percent",
        },
    ),
    "Cell labels": Inside(
        {
            "who": "labeller",
            "when_utc": "labelled_at",
            "how": "labelled_how",
            "drawn": "drawn_by",
            "act": "label_act",
            "note": "label_note",
            "state": "label_state",
        }
    ),
    "Markers": Inside({"kept": "counted"}),
    "Markers and medium": Inside(fractions={"agree": "agree_percent"}, stems={"n_": "{}_cells"}),
    "Markers and prediction": Inside(
        fractions={
            "marker": "by_markers_percent",
            "predicted": "predicted_percent",
            "difference": "difference_points",
            "same": "same_class_percent",
        }
    ),
    "Tests": Inside({"p": "p_adjusted", "method": "test"}, _DIFFERENCE),
    "All comparisons": Inside({"control": "compared_with", "method": "test"}, {**_DIFFERENCE, **_ALL}),
    "Means and spread": Inside({"shapiro_p": "p_shapiro"}),
    "ANOVA": Inside(
        {
            "f": "welch_f",
            "df_between": "degrees_between",
            "df_within": "degrees_within",
            "levene_p": "p_levene",
            "method": "test",
        }
    ),
    "Equivalence": Inside(
        {
            "control": "compared_with",
            "p_equivalent": "p_equivalent_unadjusted",
            "p_no_worse": "p_no_worse_unadjusted",
            "method": "test",
        },
        {"low": "low_90_points", "high": "high_90_points"},
    ),
    "Odds": Inside(
        {
            "control": "compared_with",
            "low": "odds_ratio_low",
            "high": "odds_ratio_high",
            "rho": "intraclass_correlation",
            "degrees": "degrees_of_freedom",
            "method": "test",
        },
        {"share_control": "compared_with_percent"},
    ),
    "Replicates needed": Inside(
        {
            "degrees": "degrees_of_freedom",
            "needed": "replicates_needed",
            "needed_adjusted": "replicates_needed_adjusted",
            "needed_upper": "replicates_needed_larger_sd",
        },
        {"sd_upper": "sd_upper_points", "difference": "difference_to_show_points", "detectable": "detectable_points"},
    ),
    "Counted cells": Inside(
        {"counted_n": "hand_counted", "unit": "hand_unit"},
        {
            "predicted": "predicted_percent",
            "counted": "hand_percent",
            "counted_low": "hand_low_percent",
            "counted_high": "hand_high_percent",
        },
    ),
    "Earliest day": Inside({"control": "compared_with", "time_h": "earliest_h"}),
    "First against last": Inside(
        {}, {"first": "first_percent", "final": "last_percent", "difference": "first_minus_last_points"}
    ),
    "Agreement": Inside(
        {"n": "pairs"},
        {
            "bias": "bias_points",
            "bias_low": "bias_low_points",
            "bias_high": "bias_high_points",
            "lower": "lower_limit_points",
            "lower_low": "lower_limit_low_points",
            "lower_high": "lower_limit_high_points",
            "upper": "upper_limit_points",
            "upper_low": "upper_limit_low_points",
            "upper_high": "upper_limit_high_points",
        },
    ),
    "Doses": Inside({"unit": "dose_unit"}),
    "Dose curves": Inside(
        {"unit": "dose_unit", "low": "ec50_low", "high": "ec50_high", "slope": "hill_slope"},
        {"bottom": "bottom_percent", "top": "top_percent"},
    ),
    "Fit": Inside(
        {"far": "far_cells", "kind": "compared_by"}, {"expected": "far_expected_percent", "share": "far_percent"}
    ),
    "Fit numbers": Inside(
        {
            "what": "measure",
            "unit": "measure_unit",
            "value": "sample_value",
            "typical": "known_median",
            "lowest_known": "known_lowest",
            "highest_known": "known_highest",
            "deviations_from_known_samples": "deviations_from_known",
            "effect": "effect_size",
        }
    ),
    "Sets by group": Inside(_IN_PERCENT),
    "Sets by sample": Inside({"count": "cells_with_set"}),
    "Reliability": Inside(
        {"score": "mean_score"},
        {
            "share": "right_percent",
            "ece": "calibration_error_points",
            "ece_low": "calibration_error_low_points",
            "ece_high": "calibration_error_high_points",
            "by_chance": "calibration_error_by_chance_points",
        },
    ),
    "Known mixtures": Inside(
        {
            **_IN_PERCENT,
            "true": "true_percent",
            "recovered": "found_percent",
            "naive": "counted_percent",
            "inside": "interval_holds_truth",
        }
    ),
    "Fig ratios over time": Inside(_IN_PERCENT),
    "Fig means": Inside(_IN_PERCENT),
    "Fig replicates": Inside(_IN_PERCENT),
    "Fig differences": Inside({**_DIFFERENCE, "method": "test"}),
    "Fig all differences": Inside({"control": "compared_with"}),
    "Fig scores of cells": Inside({"low": "score_from", "high": "score_to"}),
    "Funnel": Inside({"imported": "cells_imported", "kept": "cells_kept", **_FLAGS}),
    "Cells": Inside({"source": "source_file"}, stems=_SCORES),
    "Features": Inside(
        {"height": "height_px", "width": "width_px"},
        {"saturated_share": "saturated_percent", "border_contact": "border_percent", **_SLOPES},
    ),
    "Light": Inside(_LIGHT),
    "Funnel of flags": Inside(
        {
            "what": "reason",
            "cells": "cells_counted_once",
            "percent": "counted_once_percent",
            "carry": "cells_with_flag",
            "carry_percent": "with_flag_percent",
        }
    ),
    "Gate": Inside(
        {
            "from": "value_from",
            "to": "value_to",
            "name": "population",
            "kept": "cells_kept",
            "left_out": "cells_left_out",
        }
    ),
    "Metrics": Inside(_MERIT),
    "Fig confusion": Inside({"percent_of_true_class": "row_percent"}),
    "ROC": Inside(_CURVE),
    "Precision and recall": Inside(_CURVE),
    "Curve bands": Inside(_MERIT),
    "Fig accuracy over time": Inside(_IN_PERCENT),
    "Fig shortcuts": Inside({**_IN_PERCENT, "what": "seen"}),
    "Sorting": Inside(
        {},
        {
            "yield": "sorted_percent",
            "yield_low": "sorted_percent_low",
            "yield_high": "sorted_percent_high",
            "prevalence": "prevalence_percent",
        },
    ),
    "Two models": Inside(
        {
            "first": "first_value",
            "second": "second_value",
            "difference": "second_minus_first",
            "low": "difference_low",
            "high": "difference_high",
        }
    ),
    "McNemar": Inside({"only_first": "only_first_right", "only_second": "only_second_right", "method": "test"}),
    "Disagreements": Inside({"first": "first_class", "second": "second_class"}),
    "Labels": Inside({"suggested": "suggested_class", "margin": "label_margin"}, stems=_SCORES),
    "Contradicted labels": Inside({"better_fits": "suggested_class"}, {"share_of_label": "share_of_sure_percent"}),
    "Swaps": Inside(
        {
            "own_class": "own_class_percent",
            "other_class": "other_class_percent",
            "other_class_low": "other_class_low_percent",
            "other_class_high": "other_class_high_percent",
            "cost": "cost_points",
            "cost_low": "cost_low_points",
            "cost_high": "cost_high_points",
        }
    ),
    "Robustness": Inside(
        {**_IN_PERCENT, "accuracy": "accuracy_percent", "cost": "cost_points", "share_shift": "ratio_shift_points"}
    ),
    "Training curves": Inside({"samples": "which_samples"}),
}


# Tables of a paper done again, by kind of output; see `papers.printed_tables`.
INSIDE |= {
    "Paper cost": Inside(
        {
            "input": "input_px",
            "parameters, M": "parameters_millions",
            "parameters, M, paper": "parameters_millions_paper",
            "GFLOPs (2 per multiply-add)": "gflops",
            "GMACs": "gmacs",
            "GFLOPs, paper": "gflops_paper",
            "why they differ": "why_they_differ",
        }
    ),
    "Paper timing": Inside(
        {
            "training, s": "training_s",
            "making the images ready, s": "preparation_s",
            "training, min, paper": "training_min_paper",
        }
    ),
    "Paper inducers": Inside(
        {
            "counted_1d": "stained_1d_percent",
            "counted_end": "stained_end_percent",
            "counted_end_h": "stained_end_h",
            "paper": "paper_percent",
            "ours": "ours_percent",
            "low": "ours_low_percent",
            "high": "ours_high_percent",
            "truth": "simulated_truth_percent",
        }
    ),
    "Paper donors": Inside({**_IN_PERCENT, "predicted": "predicted_percent", "marker": "marker_percent"}),
    "Paper shape modes": Inside({"entropy, nats": "entropy_nats"}, stem_fractions={"mode ": "mode_{}_percent"}),
}


# Columns that are named after a class, see `_called`.
_OF_CLASSES = (*INSIDE["Samples"].stems.values(), *INSIDE["Samples"].stem_fractions.values(), *_SCORES.values())


@cache
def _called(name: str) -> str:
    """A class in the name of a column: in quotes where it would be taken for another, such as "highest" in _score.

    So a class "neuron_low" beside "neuron" does not take the place of the lower end of the interval of neurons.
    """
    for form in _OF_CLASSES:
        found = pattern_of(form.format(name))
        if form.format(name) in COLUMNS or found is None or found[1] != name:
            return f'"{name}"'
    return name


def outgoing_name(name: str, table: str = "") -> tuple[str, float]:
    """What a column of a table is called outside, and the factor of its values: 100 for a fraction, else 1."""
    for inside in (INSIDE.get(table, _ANY), _ANY):
        if name in inside.names:
            return inside.names[name], 1.0
        if name in inside.fractions:
            return inside.fractions[name], 100.0
        for stems, factor in ((inside.stem_fractions, 100.0), (inside.stems, 1.0)):
            for start in sorted(stems, key=len, reverse=True):
                if name.startswith(start):
                    stem, form = name[len(start) :], stems[start]
                    return form.format(_called(stem) if form in _OF_CLASSES else stem), factor
    return name, 1.0
