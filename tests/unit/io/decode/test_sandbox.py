"""Decoding apart gives what decoding here gives, and a decoder that misbehaves costs one image."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import psutil
import pytest
import tifffile
from PIL import Image

from nscweb.core.errors import InputRefused, LimitExceeded, NscwebError
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.decode import sandbox
from nscweb.io.decode.image import decode
from nscweb.io.decode.sandbox import Sandbox, decode_apart
from nscweb.io.pixels.image_pages import ImagePages
from nscweb.io.survey import cell_reader

HERE = Path(__file__).parent
Way = Callable[[bytes, str, Limits, FindingLog], ImagePages]


def png(seed: int = 0, shape: tuple[int, int] = (40, 50)) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, shape, np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def stack(pages: int) -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 4000, (pages, 30, 40), np.uint16)
    tifffile.imwrite(out, pixels, compression="zlib", photometric="minisblack")
    return out.getvalue()


@pytest.fixture
def bad() -> Iterator[Sandbox]:
    apart = Sandbox("bad_decoder:main", [HERE])
    yield apart
    apart.close()


def told(way: Way, data: bytes, where: str, limits: Limits | None = None) -> list[Any]:
    """Everything that a caller can see of a file, planes in reverse order."""
    log = FindingLog()
    seen: list[Any] = []
    try:
        pages = way(data, where, limits or Limits(), log)
        seen += [pages.names, pages.kind, pages.simulated]
        for plane in reversed(range(len(pages))):
            try:
                pixels = pages.load(plane)
                seen += [pixels.dtype.str, pixels.shape, pixels.tobytes()]
            except NscwebError as error:
                seen += [type(error), error.what, error.todo, error.code]
    except NscwebError as error:
        seen += [type(error), error.what, error.todo, error.code]
    return [*seen, list(log)]


def test_the_hostile_files_give_the_same_here_and_apart(shared: Path) -> None:
    files = {path.name: path.read_bytes() for path in sorted((shared / "hostile/image").iterdir())}
    for path in (shared / "hostile/zip").glob("*.zip"):
        try:
            with zipfile.ZipFile(path) as archive:
                for info in archive.infolist()[:5]:
                    if info.file_size < 1_000_000 and not info.flag_bits & 1:
                        files[f"{path.name}/{info.filename}"] = archive.read(info)
        except Exception:  # noqa: BLE001 - hostile to zipfile in every way there is; other tests look at those
            continue
    assert len(files) > 60
    for name, data in files.items():
        assert told(decode_apart, data, name) == told(decode, data, name), name


def test_real_files_of_several_planes_give_the_same(shared: Path) -> None:
    for path in [*(shared / "data/ideas_ometif").glob("*.tif")][:6]:
        assert told(decode_apart, path.read_bytes(), path.name) == told(decode, path.read_bytes(), path.name)


def test_planes_are_loaded_lazily_also_after_another_file(bad: Sandbox) -> None:
    log = FindingLog()
    first, second = stack(4), stack(3)
    pages = bad.decode(first, "a.tif", Limits(), log)
    other = bad.decode(second, "b.tif", Limits(), log)
    here = decode(first, "a.tif", Limits(), FindingLog())
    assert len(pages) == 4 and len(other) == 3
    for plane in (2, 0, 3):
        np.testing.assert_array_equal(pages.load(plane), here.load(plane))
        other.load(1)
    bad.close()
    np.testing.assert_array_equal(pages.load(1), here.load(1))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"hang", "stopped after 1 s"),
        (b"spin", "stopped after 1 s"),
        (b"eat", "ran out of memory"),
        (b"abort", "crashed"),
        (b"bug", "failed"),
    ],
)
def test_a_decoder_that_misbehaves_costs_one_image(bad: Sandbox, data: bytes, why: str) -> None:
    if data == b"eat" and not sys.platform.startswith("linux"):
        pytest.skip("memory of a process is limited on Linux only")
    limits = Limits(max_decode_seconds=1 if "1 s" in why else 60, max_decode_bytes=200_000_000)
    with pytest.raises(InputRefused, match=why) as caught:
        bad.decode(data, "x.png", limits, FindingLog())
    assert caught.value.code == "E-IMG-DECODER"
    assert told(bad.decode, png(), "good.png") == told(decode, png(), "good.png")


def test_what_a_library_prints_does_not_mix_with_answers(bad: Sandbox) -> None:
    assert told(bad.decode, b"print" + png(), "a.png") == told(decode, png(), "a.png")


def test_a_child_that_was_killed_is_started_again(bad: Sandbox) -> None:
    bad.decode(png(), "a.png", Limits(), FindingLog())
    first = bad.pid
    assert first is not None
    psutil.Process(first).kill()
    psutil.wait_procs([psutil.Process(first)] if psutil.pid_exists(first) else [], timeout=10)
    deadline = time.monotonic() + 10
    while True:
        try:
            bad.decode(png(1), "b.png", Limits(), FindingLog())
            break
        except InputRefused:  # killed, and not yet known to be dead
            assert time.monotonic() < deadline
    assert bad.pid != first and not psutil.pid_exists(first)


def test_limits_count_in_the_child_too() -> None:
    limits = Limits(max_image_side=60, field_side=60)
    with pytest.raises(LimitExceeded, match="Longest side"):
        decode_apart(png(shape=(80, 80)), "a.png", limits, FindingLog())


def test_many_threads_share_one_child() -> None:
    files = [png(seed) for seed in range(8)] + [stack(2)]
    expected = [told(decode, data, "a.tif") for data in files]
    wrong: list[int] = []

    def work() -> None:
        for number, data in enumerate(files):
            if told(decode_apart, data, "a.tif") != expected[number]:
                wrong.append(number)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_child_ends_with_its_parent() -> None:
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); from test_sandbox import *\n"
        "decode_apart(png(), 'a.png', Limits(), FindingLog()); print(sandbox._SANDBOX.pid, flush=True)\n"
        "time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(HERE)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    child = psutil.Process(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    gone, _ = psutil.wait_procs([child], timeout=30)
    assert gone or child.status() == psutil.STATUS_ZOMBIE


def test_the_simple_tiff_never_leaves_this_process(tiff: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("a child was asked")

    monkeypatch.setattr(sandbox, "_SANDBOX", type("Never", (), {"decode": never})())
    assert len(decode_apart(tiff(), "a.tif", Limits(), FindingLog())) == 1
    with pytest.raises(AssertionError):
        decode_apart(png(), "a.png", Limits(), FindingLog())


def test_a_hanging_image_is_skipped_and_the_rest_imported(
    take: Callable[..., Any], make_zip: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, bad: Sandbox
) -> None:
    monkeypatch.setattr(cell_reader, "decode_apart", bad.decode)
    members = [(f"s/a_{number}_Ch1.png", png(number)) for number in range(4)]
    members[2] = ("s/a_2_Ch1.png", b"hang")
    found = take(make_zip(members), limits=Limits(max_decode_seconds=1))
    assert [cell.object_number for cell in found.all_cells] == [0, 1, 3]
    (skipped,) = (finding for finding in found.log if finding.level == "skip")
    assert (skipped.code, skipped.where) == ("E-IMG-DECODER", "s/a_2_Ch1.png")


def test_no_pickle_comes_out_of_the_child() -> None:
    for name in ("sandbox.py", "sandbox_child.py", "guarded_child.py", "guarded_server.py", "child_process.py"):
        source = (Path(sandbox.__file__).parent / name).read_text("utf-8")
        assert "import pickle" not in source


def test_compressed_tiffs_of_other_codecs_fit_into_the_memory_limit() -> None:
    pixels = np.random.default_rng(0).integers(0, 4000, (2000, 2000), np.uint16)
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, compression="lzw")
    pages = decode_apart(out.getvalue(), "big.tif", Limits(), FindingLog())
    np.testing.assert_array_equal(pages.load(0), pixels)
    assert imagecodecs is not None and os.getpid() != sandbox._SANDBOX.pid
