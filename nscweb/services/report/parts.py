"""The tables of a report by name: which there are, how their files and sheets are called, what names a row of each."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from nscweb.services.compare.group_tables import GROUP_TABLES


@dataclass(frozen=True)
class Part:
    """One table of a report.

    Attributes:
        name: of the table and of its sheet, at most 31 characters.
        file: in the zip.
        holds: what it is, for people.
        keys: columns that name a row, as files have them; `nscweb rerun` compares by them. () is not compared.
    """

    name: str
    file: str
    holds: str
    keys: tuple[str, ...] = ()


_PLACE = ("time_h", "class")
_PAIR = (*_PLACE, "group", "compared_with")
PARTS: tuple[Part, ...] = (
    Part(
        "Samples",
        "samples.csv",
        "one line per sample: cells, counts and ratios of each class with intervals",
        ("sample",),
    ),
    Part(
        "Groups", "groups.csv", "one line per inducer group, time point and class, over replicates", ("group", *_PLACE)
    ),
    Part("Tests", "tests.csv", "one line per comparison of two groups, adjusted within its fate and time point", _PAIR),
    Part(
        "Replicates",
        "replicates.csv",
        "one line per replicate and class: the points of the figures",
        ("group", *_PLACE, "replicate"),
    ),
    *(Part(table.name, table.file, table.holds, table.keys) for table in GROUP_TABLES),
    Part(
        "Counted cells",
        "counted_cells.csv",
        "predicted ratios against counts that were entered by hand",
        ("group", *_PLACE, "marker", "source"),
    ),
    Part(
        "Time course",
        "time_course.csv",
        "mean of each group against time with its 95 % band",
        ("class", "group", "time_h"),
    ),
    Part(
        "Earliest day",
        "earliest_day.csv",
        "since when a group differs from the control and stays so",
        ("class", "group"),
    ),
    Part(
        "First against last",
        "first_against_last.csv",
        "ratios of the first time point beside those of the last",
        ("class", "group", "replicate", "first_h"),
    ),
    Part(
        "Agreement", "agreement.csv", "bias and limits of agreement of the first time point with the last", ("class",)
    ),
    Part(
        "Doses", "doses.csv", "one line per replicate and class against dose", ("series", *_PLACE, "dose", "replicate")
    ),
    Part("Dose curves", "dose_curves.csv", "EC50 with interval of each class", ("series", *_PLACE)),
    Part("Fit", "fit.csv", "does the model fit: the light of each sample and its reasons"),
    Part(
        "Fit numbers",
        "fit_numbers.csv",
        "how far each sample lies from samples that the model knows",
        ("sample", "measure"),
    ),
    Part(
        "Sets by group",
        "sets_by_group.csv",
        "which classes a cell may be: share of each set by group and time",
        ("group", "time_h", "class_set"),
    ),
    Part("Sets by sample", "sets_by_sample.csv", "the same by sample", ("sample", "class_set")),
    Part(
        "Reliability",
        "reliability.csv",
        "how sure the model is and how often it is right; calibration error (ECE)",
        ("class", "time_h"),
    ),
    Part(
        "Known mixtures",
        "known_mixtures.csv",
        "held-out cells mixed at known ratios: recovered against true",
        ("mixture", "class"),
    ),
    Part(
        "Markers and medium",
        "markers_and_medium.csv",
        "cells labelled by markers, by the class of their sample: how far the medium says what a cell is",
    ),
    Part(
        "Markers and prediction",
        "markers_and_prediction.csv",
        "predicted ratios against those by markers, per sample and class, over the same cells",
    ),
    Part("Funnel", "quality.csv", "cells imported, left out by each gate and kept, by sample"),
    Part("Findings", "findings.csv", "what was noticed at import, every skipped file with its reason"),
    Part("Sample sheet", "sample_sheet.csv", "what was said about the samples"),
)
BY_NAME: dict[str, Part] = {part.name: part for part in PARTS}
# The tables that `nscweb rerun` makes again and compares: these in every form of a report, and all that have keys in
# the workbook and the zip, as far as they are there.
COMPARED: tuple[str, ...] = ("Samples", "Groups", "Tests")
ALSO_COMPARED: tuple[str, ...] = tuple(part.name for part in PARTS if part.keys and part.name not in COMPARED)


@dataclass
class Gathered:
    """Tables as they are made, and why others could not be.

    Attributes:
        tables: name -> table with at least one row.
        missing: name -> a sentence.
    """

    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def put(self, name: str, table: pd.DataFrame, why: str) -> None:
        """Keep a table, or `why` it is empty."""
        if len(table):
            self.tables[name] = table
        else:
            self.missing[name] = why
