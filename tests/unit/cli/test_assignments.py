"""Settings on the command line."""

import json

import pytest

from nscweb.cli.assignments import assignments, level_of
from nscweb.core.errors import WrongUse


def test_values_are_json_where_they_can_be():
    given = ["mixup=0.2", "augment.blur=0", "schedule=step", "clahe=[2, 8]"]
    assert assignments(given) == {"mixup": 0.2, "augment": {"blur": 0}, "schedule": "step", "clahe": [2, 8]}


def test_the_command_line_wins_over_the_file(tmp_path):
    file = tmp_path / "best.json"
    file.write_text(json.dumps({"settings": {"mixup": 0.4, "batch": 64}}))
    assert assignments(["mixup=0"], file) == {"mixup": 0, "batch": 64}


@pytest.mark.parametrize("given", ["mixup", "=3"])
def test_what_is_no_setting_is_refused(given):
    with pytest.raises(WrongUse):
        assignments([given])


def test_unreadable_settings_files_and_levels_are_refused(tmp_path):
    file = tmp_path / "best.json"
    for text in ("[1]", "{"):
        file.write_text(text)
        with pytest.raises(WrongUse, match=r"best\.json"):
            assignments([], file)
    with pytest.raises(WrongUse):
        level_of("middle")
