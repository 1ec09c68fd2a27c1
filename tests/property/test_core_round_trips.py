"""What is written is read back the same."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from nscweb.core.errors import CardInvalid
from nscweb.core.findings import LEVELS, Finding, FindingLog
from nscweb.core.flags import FLAG_NAMES, FLAGS, pack, unpack
from nscweb.core.plain import from_plain, to_plain
from nscweb.core.recipe import InputRecipe
from nscweb.core.run_record import Provenance
from nscweb.core.samples import Sample, sample_as_dict
from nscweb.core.timepoint import TimePoint

hours = st.one_of(
    st.floats(0, 24 * 3649), st.integers(0, 3649).map(lambda day: 24.0 * day), st.integers(0, 5000).map(float)
)


@given(hours)
def test_a_time_label_is_read_back_exactly(value):
    assert TimePoint.parse(TimePoint(value).label()) == TimePoint(value)


@given(st.sets(st.sampled_from(FLAG_NAMES)))
def test_flags_survive_the_mask(names):
    assert set(unpack(pack(names))) == names


@given(st.integers(0, sum(item.bit for item in FLAGS)))
def test_a_mask_survives_its_names(mask):
    assert pack(unpack(mask)) == mask


pairs = st.tuples(st.integers(8, 1024), st.integers(8, 1024))
recipes = st.builds(
    InputRecipe,
    channels=st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=4).map(tuple),
    crop_to_object=st.none() | st.integers(0, 1024),
    clahe=st.none() | st.tuples(st.floats(0.01, 100), st.integers(1, 64)),
    background=st.sampled_from(["none", "border-median"]),
    field_px=st.none() | pairs,
    contrast=st.sampled_from(["none", "deviation"]),
    resize=pairs,
    interpolation=st.sampled_from(["area", "linear"]),
    divide_by=st.floats(0.001, 1e6),
    clip=st.none() | st.tuples(st.floats(-100, 0), st.floats(0.1, 100)),
)


@given(recipes)
def test_a_recipe_survives_json(recipe):
    assert InputRecipe.from_dict(json.loads(json.dumps(recipe.as_dict()))) == recipe


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*InputRecipe().as_dict(), "crop_to_object", "clahe"]), json_values))
def test_any_json_is_a_recipe_or_a_sentence(data):
    try:
        InputRecipe.from_dict(data)
    except CardInvalid as error:
        assert str(error)


@given(
    st.lists(
        st.builds(Finding, st.sampled_from(LEVELS), st.sampled_from("ABCDE"), st.text(max_size=5), st.text(max_size=5))
    )
)
def test_folding_findings_loses_none(findings):
    log = FindingLog(findings)
    folded = log.by_reason()
    assert sum(line.count for line in folded) == len(findings)
    assert len({(line.level, line.code) for line in folded}) == len(folded)
    ranks = [LEVELS.index(line.level) for line in folded]
    assert ranks == sorted(ranks)


@given(
    st.text(max_size=10), st.none() | hours, st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), max_size=3)
)
def test_a_sample_is_plain_data(name, time_h, extra):
    sample = Sample(name=name, time_h=time_h, extra=tuple(extra))
    data = json.loads(json.dumps(sample_as_dict(sample)))
    assert data["name"] == name and data["time_h"] == time_h and data["extra"] == dict(extra)
    assert sample.with_changes(group="NT3").group == "NT3"


@given(st.text(max_size=10), st.lists(st.text(max_size=10), max_size=3))
def test_provenance_survives_json(study, warnings):
    made = Provenance(
        study,
        "s000001",
        "0" * 64,
        "m",
        "1",
        "1" * 64,
        "Ch1",
        {"batch": 64},
        {"torch": "2"},
        "2026-01-01T00:00:00Z",
        1.5,
        True,
        True,
        tuple(warnings),
    )
    assert from_plain(Provenance, json.loads(json.dumps(to_plain(made))), "x") == made
