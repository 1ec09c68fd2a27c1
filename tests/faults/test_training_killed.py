"""kill -9 in the middle of training: it goes on at its last checkpoint and ends at the same weights."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import slow_training

from nscweb.training.loop import CHECKPOINT

SLOW = Path(slow_training.__file__)
PATIENCE = 120.0


def test_a_killed_training_run_goes_on_to_the_weights_of_an_unbroken_one(tmp_path: Path) -> None:
    unbroken = slow_training.run(tmp_path / "a" / "toys", tmp_path / "a" / "marks", 0)
    folder, marks = tmp_path / "b" / "toys", tmp_path / "b" / "marks"
    process = subprocess.Popen([sys.executable, str(SLOW), str(folder), str(marks), "600"])
    until = time.monotonic() + PATIENCE
    while not (marks / "1").exists():
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert (folder / CHECKPOINT).is_file() and not (folder / "card.json").exists()
    assert not (marks / "2").exists()

    (marks / "1").unlink()
    resumed = slow_training.run(folder, marks, 0)
    heard = sorted(path.name for path in marks.iterdir())
    assert heard == ["1", "2", "3", "4"]  # the row of the finished epoch is told again
    assert resumed == unbroken
    assert not (folder / CHECKPOINT).exists()
