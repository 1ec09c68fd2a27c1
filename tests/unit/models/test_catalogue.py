"""Models are found by name or path; a bad card hides no good one."""

from __future__ import annotations

import subprocess
import sys

import pytest
from random_models import write_random_model

from nscweb.core.errors import CardInvalid, ModelNotFound
from nscweb.core.findings import FindingLog
from nscweb.models.card_folders import find_card, list_cards
from nscweb.models.torchvision_compat import ensure_torchvision


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    first, second = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second")
    write_random_model(first / "one")
    write_random_model(second / "one", seed=1)
    write_random_model(second / "two")
    (second / "broken").mkdir()
    (second / "broken" / "card.json").write_text("{", "utf-8")
    (second / "notes").mkdir()
    return first, second


def test_all_good_cards_are_listed_and_the_others_are_findings(places):
    log = FindingLog()
    found = list_cards([*places, places[0] / "missing"], log)
    assert [entry.card.name for entry in found] == ["one", "two"]
    assert found[0].folder == places[0] / "one"
    assert {(item.level, item.code) for item in log} == {("skip", "E-CARD"), ("warn", "W-MODEL-TWICE")}


def test_a_model_is_found_by_name_by_folder_and_by_card(places):
    assert find_card("two", places).folder == places[1] / "two"
    assert find_card(str(places[1] / "one"), []).folder == places[1] / "one"
    assert find_card(str(places[1] / "one" / "card.json"), []).card.name == "one"


def test_what_is_not_there_is_said_with_the_names_that_are(places):
    with pytest.raises(ModelNotFound, match="one, two"):
        find_card("three", places)
    with pytest.raises(CardInvalid):
        find_card("broken", places)


@pytest.mark.parametrize("name", ["", "..", "../second/two", "a\0b", "two/", "~nobody/x"])
def test_odd_names_are_not_found_and_break_nothing(name, places):
    with pytest.raises((ModelNotFound, CardInvalid)):
        find_card(name, places[:1])


def test_listing_models_does_not_import_torch(places):
    code = (
        "import sys; from pathlib import Path; from nscweb.models.card_folders import list_cards;"
        f"assert len(list_cards([Path({str(places[0])!r})])) == 1; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_torchvision_imports_beside_a_cpu_build_of_torch():
    ensure_torchvision()
    ensure_torchvision()
    from torchvision.transforms import functional

    assert callable(functional.resize)
