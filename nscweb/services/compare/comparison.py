"""Inducer groups compared: corrected ratios, tests on replicates, traffic lights, and the answer in a sentence."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nscweb.core.classes import ClassScheme
from nscweb.core.rules import ALPHA, DIFFERENCE, FEWEST_CELLS
from nscweb.core.run_record import Run
from nscweb.services.compare import dashboard
from nscweb.services.compare.compare_request import AS_OPENED, CompareRequest
from nscweb.services.compare.group_lights import with_lights
from nscweb.services.compare.headline_tests import group_comparisons
from nscweb.services.compare.ratios import estimates_of, known_version
from nscweb.services.compare.result import Comparison
from nscweb.services.compare.statistics import default_control, every_row, planned_pairs
from nscweb.services.kept import kept
from nscweb.services.predict.lights import lights_of
from nscweb.services.predict.run_cells import cells_key
from nscweb.services.predict.runs import get_run, one_look

if TYPE_CHECKING:
    from nscweb.services.context import App
    from nscweb.words.headline import Answer


def _key(app: App, run: Run | str, request: CompareRequest = AS_OPENED) -> Hashable:
    with one_look():
        found = get_run(app, run)
        against = _against(app, found, request.control)
        # What the answer is about moves no number.
        asked = (request.filters, request.method, against, request.adjust, request.variance)
        return (cells_key(app, found), known_version(app, found), tuple(lights_of(found).items()), asked)


def _against(app: App, run: Run, control: str | None) -> str:
    """The group that others are tested against; None takes that of the sample sheet."""
    return (default_control(app, run) or "") if control is None else control


@kept(24, _key)
def comparison(app: App, run: Run | str, request: CompareRequest = AS_OPENED) -> Comparison:
    """Groups of a run compared; kept in memory, so that the same question is answered at once.

    Args:
        request: how. Its fate and time point are for whoever asks for an answer (`answer_of`).

    Raises:
        StoreError: there is no such run or its table is damaged.
        WrongUse: the control samples cannot be used.
    """
    with one_look():
        found = get_run(app, run)
        return _compare(app, found, replace(request, control=_against(app, found, request.control)))


def _compare(app: App, run: Run, request: CompareRequest) -> Comparison:
    from nscweb.evaluation.groups.group_errors import group_errors
    from nscweb.evaluation.groups.means import group_estimates, replicate_rows
    from nscweb.evaluation.groups.replicate_join import replicate_names
    from nscweb.evaluation.groups.shared_error import shared_error

    filters, method = request.filters, request.method
    data = dashboard.dashboard_data(app, run, filters)
    estimates = estimates_of(app, run, filters, method)
    lights = lights_of(run)
    rows = replicate_rows(estimates)
    against = request.control if request.control and request.control in set(rows["group"]) else ""
    named = estimates.table.assign(replicate=replicate_names(estimates.table))
    rows = with_lights(rows, named, lights, ["group", "time_h", "replicate"])
    every = estimates_of(app, run, replace(filters, groups=()), method) if filters.groups else estimates
    # The spread of replicates comes from all groups and times: what is looked at must not move a number.
    whole = estimates_of(app, run, replace(filters, groups=(), times_h=()), method) if filters.times_h else every
    errors = group_errors(replicate_rows(whole), shared_error(whole), request.variance)
    groups = with_lights(group_estimates(estimates, errors), estimates.table, lights, ["group", "time_h"])
    hidden = replicate_rows(every) if filters.groups else rows
    hidden = hidden[~hidden["group"].isin(set(rows["group"])).to_numpy(bool)].assign(light="")
    tests = group_comparisons(rows, against, request.adjust, errors, hidden)
    result = Comparison(
        run,
        data.classes,
        filters,
        method,
        against,
        request.adjust,
        data,
        estimates,
        rows.drop(columns=["lights", "why"]),
        groups,
        tests,
        lights,
        (),
        errors,
        request.variance,
        hidden,
    )
    object.__setattr__(result, "sentences", sentences(result))
    return result


def default_fate(classes: ClassScheme) -> str:
    """The fate that the page asks about first."""
    return usual_fate(classes.names)


def usual_fate(names: Sequence[str]) -> str:
    """Of some classes the one that is asked about first: neurons where they are among them, else the first."""
    return next((name for name in names if name.casefold() in ("neuron", "neurons")), names[0])


def times_of(found: Comparison) -> tuple[float, ...]:
    """Time points with counted cells, in order; cells without a time last, as NaN."""
    return tuple(sorted({float(hours) for hours in found.groups["time_h"]}, key=lambda h: (np.isnan(h), h)))


def default_time(found: Comparison) -> float:
    """The last time point at which at least two groups can be compared, with the control where there is one."""
    return _choice(found)[0]


def _choice(found: Comparison) -> tuple[float, str]:
    """The default time point, and why."""
    known = found.groups[found.groups["time_h"].notna()]
    if known.empty:
        return float("nan"), ""
    sure = known["recovered"].astype(bool) & known["mean"].notna() & (known["light"] != "red")
    sure &= known["cells"] >= FEWEST_CELLS
    with_control = f"the last with {found.control} and another group to compare"
    two = "the last with at least two groups to compare"
    asked = [(known[sure], found.control, with_control)] if found.control else []
    for table, control, why in [*asked, (known[sure], "", two), (known, "", "the last with at least two groups")]:
        names = table.groupby("time_h")["group"].agg(set)
        several = names[[len(here) > 1 and control in {"", *here} for here in names]]
        times = [float(hours) for hours in several.index.to_list()]
        if times:
            return max(times), why
    return float(known["time_h"].max()), "the last; at no time point are there two groups"


def time_line(found: Comparison, time_h: float | None = None) -> str:
    """Which time points there are and why the answer is about this one; "" with a single time point."""
    from nscweb.words.how_early import time_choice

    default, why = _choice(found)
    table = found.groups.drop_duplicates(["group", "time_h"])
    sizes = {hours: int((table["time_h"] == hours).sum()) for hours in times_of(found)}
    return time_choice(sizes, default if time_h is None else time_h, default, why)


def answer_of(found: Comparison, fate: str = "", time_h: float | None = None) -> Answer:
    """Which group gives most of a fate at a time point, how early and how sure, in words; kept once made."""
    chosen = fate or default_fate(found.classes)
    hours = default_time(found) if time_h is None else time_h
    key = (chosen, -1.0 if np.isnan(hours) else hours)
    if key not in found.answers:
        found.answers[key] = _answer(found, chosen, hours)
    return found.answers[key]


def lead_at(found: Comparison, fate: str, time_h: float) -> Answer:
    """`answer_of` without what filters and samples add to its sentences: quick for many time points, and kept."""
    from nscweb.words.headline import Facts, answer

    key = (fate, -1.0 if np.isnan(time_h) else time_h)
    if key not in found.leaders:
        facts = Facts(control=found.control, fewest=found.errors.fewest)
        found.leaders[key] = answer(found.groups, found.tests, fate, time_h, facts)
    return found.leaders[key]


def _answer(found: Comparison, chosen: str, hours: float) -> Answer:
    from nscweb.services.compare.facts import facts_of
    from nscweb.words.cautions import moved
    from nscweb.words.headline import answer
    from nscweb.words.how_early import how_early, over_times
    from nscweb.words.rows import at

    facts = facts_of(found, chosen, hours)
    said = answer(found.groups, found.tests, chosen, hours, facts)
    early = how_early(found.groups, found.tests, chosen, said.leader, facts) if said.verdict != "none" else ""
    every = over_times(found.groups, found.tests, chosen, found.control)
    far = moved(at(found.groups, chosen, hours), found.estimates.method)
    needed = _still_needed(found, chosen, hours, said)
    details = tuple(text for text in (early, needed, far, every, time_line(found, hours)) if text)
    return replace(said, details=details)


def _still_needed(found: Comparison, fate: str, hours: float, said: Answer) -> str:
    """How many replicates would show a difference, where the leader was tested and nothing is proven."""
    from nscweb.evaluation.groups.power import needed_replicates, out_of_reach
    from nscweb.services.compare.statistics_words import still_needed
    from nscweb.words.rows import tests_of

    tests = tests_of(found.tests, said.leader, fate, hours)
    made = [row for other, row in tests.items() if np.isfinite(row["p"]) and other in {found.control or other}]
    if said.verdict != "open" or not made:
        return ""
    rows = every_row(found.replicate_rows, found.hidden_rows)
    rows = rows[(rows["class"] == fate).to_numpy(bool) & np.isclose(rows["time_h"], hours, equal_nan=True)]
    groups = {str(name): part["ratio"].dropna().to_numpy(np.float64) for name, part in rows.groupby("group")}
    comparisons = int(made[0]["comparisons"])
    # As the table of replicates needed, so that both plan with the same.
    sd = found.errors.planned(hours, fate, groups).sd
    common = found.errors.planned_common(hours, fate, planned_pairs(groups, found.control or None))
    level, now = ALPHA / comparisons, int(min(min(row["n_group"], row["n_other"]) for row in made))
    number = needed_replicates(sd, DIFFERENCE, alpha=level, borrowed=found.errors.lent, common=common)
    reach = not out_of_reach(DIFFERENCE, common, alpha=level)
    return still_needed(number, now, comparisons, DIFFERENCE, reach)


def sentences(found: Comparison, fate: str = "", time_h: float | None = None) -> tuple[str, ...]:
    """The answer, how early, the lights of the samples, and which way of counting, in this order."""
    if found.groups.empty:
        return ("No cell is left to count.",)
    said = answer_of(found, fate, time_h)
    return (said.headline, *said.details, lights_line(found), found.estimates.sentence)


def lights_line(found: Comparison) -> str:
    """One line on whether the model fits the samples that are counted."""
    from nscweb.words.marks import counted_lights

    names = list(dict.fromkeys(found.estimates.table["sample_id"]))
    if not any(name in found.lights for name in names):
        return "Whether the model fits these samples was not judged; predict again for a trust light per sample."
    return f"Does the model fit? {counted_lights([found.lights.get(name, '') for name in names])}."
