"""Tables equal folders, so that a new format, architecture or model is found and tested at birth."""

from __future__ import annotations

from pathlib import Path

from nscweb.core.card import read_card


def test_every_weights_folder_is_a_model_with_a_matching_name(project: Path) -> None:
    folders = [path for path in (project / "weights").iterdir() if path.is_dir()]
    assert folders
    for folder in folders:
        entry = read_card(folder)
        assert entry.card.name == folder.name
        assert entry.weights_path.is_file() and (folder / entry.card.weights.example).is_file()


def test_every_architecture_file_is_in_the_table(project: Path) -> None:
    from nscweb.models.architectures import ARCHITECTURES

    files = {path.stem for path in (project / "nscweb/models/architectures").glob("*.py")} - {"__init__", "contract"}
    used = {entry.build.__module__.rsplit(".", 1)[-1] for entry in ARCHITECTURES.values()}
    assert files == used


def test_every_format_file_is_in_the_table(project: Path) -> None:
    source = (project / "nscweb/io/formats/__init__.py").read_text("utf-8")
    files = {path.stem for path in (project / "nscweb/io/formats").glob("*.py")} - {"__init__"}
    # Parts of a format are called after it; what lies beside a format and holds no cells is named in the docstring.
    families = {name for name in files if name in source}
    assert not [name for name in files if name.split("_")[0] not in families]
