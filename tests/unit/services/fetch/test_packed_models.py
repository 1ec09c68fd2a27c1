"""A model as one file: packed, installed elsewhere, and every way in which the file may not be what was packed."""

from __future__ import annotations

import hashlib
import io
import json
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from known_model import drawn_cells, with_held_out
from random_models import write_random_model

from nscweb.core.card import card_to_dict, read_card
from nscweb.core.errors import CardInvalid, InputRefused, JobCancelled, LimitExceeded, NscwebError, WrongUse
from nscweb.inference.onnx_export import export_onnx
from nscweb.services.context import App, open_app
from nscweb.services.fetch import packed_models
from nscweb.services.fetch.model_packing import CARD, MANIFEST, pack_model, pack_name, packed_bytes
from nscweb.services.fetch.packed_models import install_packed, look_into
from nscweb.services.models import list_models
from nscweb.services.predict.seen_cells import write_seen

Members = dict[str, bytes]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole model with an ONNX form and held-out cells, packed by somebody else."""
    folder = tmp_path_factory.mktemp("colleague")
    settings = {"NSCWEB_THREADS": "1"}
    from nscweb.settings import Settings

    app = open_app(Settings.from_environment(settings, folder / "data"))
    entry = with_held_out(write_random_model(folder / "data" / "models" / "theirs"), drawn_cells(600, samples=6))
    card = replace(entry.card, exports={"onnx": export_onnx(entry)})
    (entry.folder / CARD).write_text(json.dumps(card_to_dict(card)), "utf-8")
    write_seen(entry.folder, np.arange(1, 9, dtype=np.uint64))
    (entry.folder / "history.csv").write_text("epoch,loss\n1,1.0\n", "utf-8")
    (entry.folder / "notes.txt").write_text("mine", "utf-8")
    done = pack_model(app, "theirs", folder / "theirs.zip")
    assert (
        done.left_out == ("notes.txt",)
        and done.files[0] == CARD
        and {"held_out.npz", "seen.npz", "model.onnx"} <= set(done.files)
    )
    assert packed_bytes(app, read_card(entry.folder)) == done.path.read_bytes()
    with pytest.raises(WrongUse, match="already"):
        pack_model(app, "theirs", folder / "theirs.zip")
    app.catalogue.close()
    return done.path


def members_of(packed: Path) -> Members:
    with zipfile.ZipFile(packed) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(path: Path, members: Members, method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def resealed(members: Members) -> Members:
    """The same with a list of files that is right for them, as somebody who wants to fool us would write it."""
    manifest = json.loads(members[MANIFEST])
    manifest["files"] = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        for name, data in members.items()
        if name != MANIFEST
    }
    return {**members, MANIFEST: json.dumps(manifest).encode()}


def with_card(members: Members, **changes: object) -> Members:
    return resealed({**members, CARD: json.dumps({**json.loads(members[CARD]), **changes}).encode()})


def models_there(opened: App) -> list[str]:
    return sorted(path.name for path in opened.folder.models_dir.iterdir())


def test_a_packed_model_is_the_same_model_elsewhere(opened: App, packed: Path) -> None:
    found = look_into(opened, packed)
    assert (found.state, found.card.name) == ("new", "theirs") and models_there(opened) == []
    entry, already = install_packed(opened, packed)
    assert not already and models_there(opened) == ["theirs"] and list_models(opened) == [entry]
    assert {path.name: path.read_bytes() for path in entry.folder.iterdir()} == {
        name: data for name, data in members_of(packed).items() if name != MANIFEST
    }
    again, already = install_packed(opened, packed)
    assert already and again == entry and look_into(opened, packed).state == "same"


def test_packing_twice_gives_the_same_bytes(opened: App, packed: Path, tmp_path: Path) -> None:
    entry, _ = install_packed(opened, packed)
    assert pack_model(opened, "theirs", tmp_path).path == tmp_path / pack_name(entry.card)
    assert (tmp_path / pack_name(entry.card)).read_bytes() == packed.read_bytes()


def test_another_model_of_the_name_is_kept_unless_asked(opened: App, packed: Path) -> None:
    mine = write_random_model(opened.folder.models_dir / "theirs", seed=5)
    before = mine.weights_path.read_bytes()
    with pytest.raises(WrongUse, match="other weights") as refused:
        install_packed(opened, packed)
    assert refused.value.code == "E-INSTALL-OTHER" and "--as NAME" in refused.value.todo
    assert "--replace" in refused.value.todo and mine.weights_path.read_bytes() == before
    entry, _ = install_packed(opened, packed, rename="from-anna")
    assert entry.card.name == entry.folder.name == "from-anna" and models_there(opened) == ["from-anna", "theirs"]
    assert install_packed(opened, packed, rename="from-anna")[1]
    entry, already = install_packed(opened, packed, over=True)
    assert not already and entry.weights_path.read_bytes() == members_of(packed)["weights.safetensors"] != before
    assert models_there(opened) == ["from-anna", "theirs"]


def test_the_same_weights_with_another_card_are_another_model(opened: App, packed: Path, tmp_path: Path) -> None:
    install_packed(opened, packed)
    other = zipped(tmp_path / "b.zip", with_card(members_of(packed), summary="Looked at again."))
    assert look_into(opened, other).state == "other"
    with pytest.raises(WrongUse, match="the same weights and another card"):
        install_packed(opened, other)


def test_a_model_that_came_with_nscweb_is_never_replaced(opened: App, packed: Path, tmp_path: Path) -> None:
    write_random_model(tmp_path / "weights" / "theirs", seed=9)
    dirs = (tmp_path / "weights", opened.folder.models_dir)
    shipped = replace(opened, settings=replace(opened.settings, weights_dirs=dirs))
    with pytest.raises(WrongUse, match="came with nscweb"):
        install_packed(shipped, packed, over=True)
    assert install_packed(shipped, packed, rename="theirs-2")[0].card.name == "theirs-2"


def test_a_folder_in_which_a_training_may_be_at_work_is_left_alone(opened: App, packed: Path) -> None:
    (opened.folder.models_dir / "theirs").mkdir()
    (opened.folder.models_dir / "theirs" / "checkpoint.safetensors").write_bytes(b"x")
    with pytest.raises(InputRefused, match="not a complete model"):
        install_packed(opened, packed, over=True)
    assert (opened.folder.models_dir / "theirs" / "checkpoint.safetensors").exists()


@pytest.mark.parametrize("name", ["../x", "a b", "", ".hidden", "x" * 81, "a/b"])
def test_names_that_are_no_names(opened: App, packed: Path, name: str) -> None:
    if not name:
        return
    with pytest.raises(WrongUse, match="cannot be called"):
        install_packed(opened, packed, rename=name)


def _changed_byte(members: Members) -> Members:
    data = bytearray(members["weights.safetensors"])
    data[-3] ^= 1
    return {**members, "weights.safetensors": bytes(data)}


HOSTILE: dict[str, tuple[Callable[[Members], Members], str]] = {
    "a changed byte": (_changed_byte, "weights.safetensors in the packed model x.zip is not the file that was packed"),
    "a changed byte, resealed": (lambda m: resealed(_changed_byte(m)), "SHA-256 differs"),
    "an extra file": (lambda m: {**m, "readme.txt": b"hello"}, "'readme.txt', which is not in its list"),
    "an extra file, resealed": (lambda m: resealed({**m, "run.py": b"1"}), "'run.py', which is no file of a model"),
    "a pickle, resealed": (lambda m: resealed({**m, "weights.pt": b"\x80\x04."}), "'weights.pt', which is no file"),
    "a path upwards": (lambda m: {**m, "../x.json": b"{}"}, "points outside its folder"),
    "a path upwards, resealed": (lambda m: resealed({**m, "../x.json": b"{}"}), "points outside its folder"),
    "an absolute path": (lambda m: {**m, "/tmp/x": b"{}"}, "points outside its folder"),
    "a drive": (lambda m: {**m, "C:\\x": b"{}"}, "points outside its folder"),
    "a folder": (lambda m: resealed({**m, "more/held_out.npz": b"1"}), "holds a folder"),
    "an empty folder": (lambda m: {**m, "more/": b""}, "holds a folder"),
    "folder in folder": (
        lambda m: {f"theirs/{name}": data for name, data in m.items()},
        "was packed a second time",
    ),
    "a model folder by a zip program": (
        lambda m: {f"theirs/{name}": data for name, data in m.items() if name != MANIFEST},
        "looks like a model folder",
    ),
    "no model": (lambda m: {"a.txt": b"hello"}, "is no packed model"),
    "nothing": (lambda m: {}, "is no packed model"),
    "names that differ in case": (lambda m: {**m, "CARD.json": b"{}"}, "'CARD.json' twice"),
    "a file too few": (lambda m: {n: d for n, d in m.items() if n != "example.npz"}, "lacks 'example.npz'"),
    "no weights, resealed": (
        lambda m: resealed({n: d for n, d in m.items() if n != "weights.safetensors"}),
        "lacks 'weights.safetensors'",
    ),
    "no card, resealed": (lambda m: resealed({n: d for n, d in m.items() if n != CARD}), "not one of a model"),
    "a list that is no list": (lambda m: {**m, MANIFEST: b"[]"}, "list of files in x.zip cannot be read"),
    "a list that is no JSON": (lambda m: {**m, MANIFEST: b"\xff{"}, "list of files in x.zip cannot be read"),
    "a newer list": (
        lambda m: {**m, MANIFEST: json.dumps({**json.loads(m[MANIFEST]), "format": 2}).encode()},
        "packed by a newer nscweb",
    ),
    "a newer card": (lambda m: with_card(m, format=2), "written by a newer nscweb: update this one"),
    "a card that is no card": (lambda m: resealed({**m, CARD: b"{}"}), "has format None"),
    "a card without limits": (lambda m: with_card(m, limits=[]), "states no limits"),
    "another name inside": (lambda m: with_card(m, name="other"), "says theirs 0.0.1 outside and other 0.0.1 inside"),
    "an architecture from elsewhere": (lambda m: with_card(m, architecture="new"), "not known here"),
    "a damaged ONNX form": (lambda m: resealed({**m, "model.onnx": b"damaged"}), "model.onnx"),
    "held-out cells of another model": (lambda m: resealed({**m, "held_out.npz": m["example.npz"]}), "held-out"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_not_as_it_was_packed_leaves_nothing(opened: App, packed: Path, tmp_path: Path, case: str) -> None:
    change, said = HOSTILE[case]
    file = zipped(tmp_path / "x.zip", change(members_of(packed)))
    with pytest.raises(NscwebError) as refused:
        install_packed(opened, file)
    assert said in str(refused.value) and refused.value.code.startswith("E-")
    assert models_there(opened) == [] and not (tmp_path / "x.json").exists()


def test_an_onnx_form_of_other_weights_is_found_by_its_scores(opened: App, packed: Path, tmp_path: Path) -> None:
    other = write_random_model(tmp_path / "other", seed=8)
    record = export_onnx(other)
    members = members_of(packed)
    card = json.loads(members[CARD])
    card["exports"]["onnx"] = {**card["exports"]["onnx"], "sha256": record["sha256"]}
    forged = with_card({**members, "model.onnx": (other.folder / "model.onnx").read_bytes()}, exports=card["exports"])
    with pytest.raises(NscwebError, match=r"other scores for its own example.*model\.onnx"):
        install_packed(opened, zipped(tmp_path / "x.zip", forged))
    assert models_there(opened) == []


def test_a_bomb_is_refused_by_what_it_declares(opened: App, packed: Path, tmp_path: Path) -> None:
    limited = replace(
        opened, settings=replace(opened.settings, limits=replace(opened.settings.limits, max_model_bytes=5_000_000))
    )
    members = resealed({**members_of(packed), "held_out.npz": bytes(6_000_000)})
    with pytest.raises(LimitExceeded, match="limit is 5,000,000") as refused:
        install_packed(limited, zipped(tmp_path / "x.zip", members, zipfile.ZIP_DEFLATED))
    assert "NSCWEB_MAX_MODEL_BYTES" in refused.value.todo
    with pytest.raises(LimitExceeded, match="limit is 1,000"):
        tiny = replace(opened.settings.limits, max_model_bytes=1000)
        write_random_model(opened.folder.models_dir / "mine")
        pack_model(replace(opened, settings=replace(opened.settings, limits=tiny)), "mine", tmp_path / "y.zip")
    assert not (tmp_path / "y.zip").exists()


def test_a_bomb_that_declares_less_is_cut_off(opened: App, packed: Path, tmp_path: Path) -> None:
    members = resealed({**members_of(packed), "held_out.npz": bytes(900_000)})
    file = zipped(tmp_path / "x.zip", members, zipfile.ZIP_DEFLATED)
    raw = file.read_bytes()
    lied = raw.replace((900_000).to_bytes(4, "little"), (700).to_bytes(4, "little"))
    assert lied != raw
    file.write_bytes(lied)
    with pytest.raises(InputRefused, match=r"held_out\.npz in the packed model x\.zip"):
        install_packed(opened, file)
    assert models_there(opened) == []


def _arrays(name: str, header: bytes, size: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(size))
    return stream.getvalue()


@pytest.mark.parametrize("name", ["example.npz", "held_out.npz", "seen.npz"])
@pytest.mark.parametrize("case", ["unpacks to much", "claims more than it has", "pickled", "damaged"])
def test_a_bomb_inside_a_file_of_arrays(opened: App, packed: Path, tmp_path: Path, name: str, case: str) -> None:
    header = "{{'descr': '{}', 'fortran_order': False, 'shape': ({},), }}\n"
    data = {
        "unpacks to much": lambda: _arrays("a.npy", header.format("|u1", 20_000_000).encode(), 20_000_000),
        "claims more than it has": lambda: _arrays("a.npy", header.format("<f8", 10**12).encode(), 8),
        "pickled": lambda: _arrays("a.npy", header.format("|O", 1).encode(), 8),
        "damaged": lambda: b"PK\x03\x04 damaged",
    }[case]()
    small = replace(opened.settings.limits, max_model_bytes=10_000_000)
    limited = replace(opened, settings=replace(opened.settings, limits=small))
    file = zipped(tmp_path / "x.zip", resealed({**members_of(packed), name: data}))
    with pytest.raises(InputRefused, match=rf"{name} in the packed model x\.zip"):
        install_packed(limited, file)
    assert models_there(opened) == []


def test_links_and_passwords_are_refused(opened: App, packed: Path, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("curves.json")
    link.external_attr = 0o120777 << 16
    file = tmp_path / "x.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members_of(packed).items():
            archive.writestr(name, data)
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(InputRefused, match="symbolic link"):
        install_packed(opened, file)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_file_that_is_cut_off_is_named(opened: App, packed: Path, tmp_path: Path, share: float) -> None:
    whole = packed.read_bytes()
    (tmp_path / "x.zip").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputRefused, match=r"x\.zip is no packed model") as refused:
        install_packed(opened, tmp_path / "x.zip")
    assert "nscweb models pack" in refused.value.todo and models_there(opened) == []


def test_a_newer_card_is_told_with_the_way_out(opened: App, packed: Path, tmp_path: Path) -> None:
    file = zipped(tmp_path / "x.zip", with_card(members_of(packed), format=2))
    with pytest.raises(CardInvalid) as refused:
        look_into(opened, file)
    assert refused.value.code == "E-CARD-NEWER"


@pytest.mark.parametrize("calls", [1, 3, 6])
def test_a_cancelled_installation_leaves_nothing(opened: App, packed: Path, calls: int) -> None:
    asked = iter([False] * calls + [True] * 100)
    with pytest.raises(JobCancelled):
        install_packed(opened, packed, cancel=lambda: next(asked))
    assert models_there(opened) == []


def test_a_killed_installation_leaves_no_model_and_the_next_clears_up(opened: App, packed: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from nscweb.services.context import open_app;"
        "from nscweb.settings import Settings; from nscweb.services.fetch import packed_models as p;"
        "app = open_app(Settings.from_environment({}, Path(sys.argv[1])));"
        f"p.check_whole = lambda entry: os.kill(os.getpid(), {int(signal.SIGKILL)});"
        "p.install_packed(app, Path(sys.argv[2]))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(opened.settings.data_dir), str(packed)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert list_models(opened) == [] and len(models_there(opened)) == 1
    install_packed(opened, packed)
    assert models_there(opened) == ["theirs"]


def test_a_model_that_was_moved_away_comes_back(opened: App, packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = write_random_model(opened.folder.models_dir / "theirs", seed=5)
    place = opened.folder.models_dir / ".installing-0000" / "before"
    place.mkdir(parents=True)
    mine.folder.replace(place / "theirs")
    with pytest.raises(WrongUse):
        install_packed(opened, packed, rename="a/b")
    install_packed(opened, packed, rename="b")
    assert models_there(opened) == ["b", "theirs"] and read_card(mine.folder) == mine


def test_a_full_disk_keeps_the_model_of_before(opened: App, packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = write_random_model(opened.folder.models_dir / "theirs", seed=5)
    monkeypatch.setattr(packed_models, "check_whole", lambda entry: _full())
    with pytest.raises(NscwebError, match="disk is full"):
        install_packed(opened, packed, over=True)
    assert models_there(opened) == ["theirs"] and read_card(mine.folder) == mine


def _full() -> None:
    raise OSError(28, "No space left on device")


def test_a_damaged_model_is_not_packed(opened: App, tmp_path: Path) -> None:
    entry = write_random_model(opened.folder.models_dir / "mine")
    np.savez(entry.folder / "example.npz", input=np.zeros((1, 1, 32, 32), np.float32), probabilities=[[1.0, 0.0, 0.0]])
    with pytest.raises(NscwebError, match="other scores"):
        pack_model(opened, "mine", tmp_path / "mine.zip")
    assert list(tmp_path.glob("*mine*")) == []


@pytest.mark.parametrize("name", ["nsc-simulated-compact", "nsc-simulated-accurate"])
def test_every_file_of_a_shipped_model_goes_along(opened: App, project: Path, tmp_path: Path, name: str) -> None:
    assert pack_model(opened, str(project / "weights" / name), tmp_path / "a.zip").left_out == ()
    assert install_packed(opened, tmp_path / "a.zip")[0].card == read_card(project / "weights" / name).card
