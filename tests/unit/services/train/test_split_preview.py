"""The Models page shows what a split would be, which are possible and why others are not, without reading a pixel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nscweb.core.errors import InputRefused, WrongUse
from nscweb.core.samples import Sample
from nscweb.services.train.split_preview import labelled_cells, preview_split, split_choices
from nscweb.training.splits.plan import SplitPlan


def study(app, name="Donors", donors=4, cells=50, **changes):
    """Samples of two classes for each donor, in the catalogue only: there is no cell file at all."""
    study_id = app.catalogue.create_study(name, app.clock(), channel="Ch1", channels=["Ch1"])
    samples = [
        Sample(
            f"D{donor}/{kind}",
            group=kind,
            time_h=24.0,
            donor=f"D{donor}",
            true_class=kind,
            cells=cells + 5 * donor,
            extra=(("Acquisition day", f"2026-01-0{donor + 1}"),),
        )
        for donor in range(donors)
        for kind in ("astrocyte", "neuron")
    ]
    samples.append(Sample("unlabelled", donor="D9", cells=70))
    app.catalogue.add_samples(study_id, [replace(sample, **changes) for sample in samples])
    return name


def test_the_table_has_cells_classes_and_groups_of_each_part(opened):
    shown = preview_split(opened, [study(opened)], SplitPlan("donor"), seed=3)
    assert [row.part for row in shown.rows] == ["training", "decides when to stop", "held out"]
    assert sum(row.cells for row in shown.rows) == shown.cells == 2 * (50 + 55 + 60 + 65)
    groups = [group for row in shown.rows for group in row.groups]
    assert sorted(groups) == ["D0", "D1", "D2", "D3"]
    for row in shown.rows:
        assert row.cells == sum(row.classes.values())
        assert set(row.classes) == {"astrocyte", "neuron"}
        assert min(row.classes.values()) > 0
    assert shown.rows[2].groups[0] in shown.sentence
    assert any("A single donor" in line for line in shown.warnings)
    assert preview_split(opened, ["Donors"], SplitPlan("donor"), seed=3) == shown


def test_every_choice_says_whether_it_is_possible_and_why_not(opened):
    choices = {choice.by: choice for choice in split_choices(opened, [study(opened)])}
    assert {by for by, choice in choices.items() if choice.possible} == {"sample", "donor", "day", "cell"}
    assert choices["donor"].groups == choices["day"].groups == 4
    assert "does not say it for 8 samples" in choices["replicate"].reason
    assert "column instrument" in choices["instrument"].reason
    assert "1 group only" in choices["group"].reason
    assert choices["time"].groups == 1
    assert "too good" in choices["cell"].reason
    assert "next donor" in choices["donor"].reason


def test_a_plan_that_does_not_fit_is_refused_and_a_study_without_classes_too(opened):
    study(opened, donor="")
    with pytest.raises(InputRefused, match="the donor of every sample"):
        preview_split(opened, ["Donors"], SplitPlan("donor"))
    study(opened, "Bare", true_class="")
    with pytest.raises(WrongUse, match="two classes"):
        split_choices(opened, ["Bare"])


def test_two_studies_are_put_together_and_small_parts_are_pointed_out(opened):
    names = [study(opened, "One", donors=3, cells=10), study(opened, "Two", donors=2, cells=10)]
    data = labelled_cells(opened, names)
    assert len(data.samples) == 10
    assert np.bincount(data.sample_of).tolist() == [10, 10, 15, 15, 20, 20, 10, 10, 15, 15]
    shown = preview_split(opened, names, SplitPlan("cell"))
    assert "lie on both sides" in shown.warnings[0]
    assert any("Fewer than 30" in line for line in shown.warnings)
    two = preview_split(opened, ["Two"], SplitPlan("donor"))
    assert any("never divided" in line for line in two.warnings)
