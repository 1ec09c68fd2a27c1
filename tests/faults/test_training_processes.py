"""Two real CPU processes under torchrun train one network."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch.distributed as dist
from rounding import score_rounding

from nscweb.core.card import read_card
from nscweb.models.loading import load_model, replay_example
from nscweb.training.__main__ import main

WORDS = ["--simulated", "240", "--epochs", "1", "--seed", "3", "--threads", "1", "--device", "cpu", "--batch", "32"]
FURTHER = ["--folds", "1", "--precision", "float32", "--no-checks", "--average", "0.5"]


@pytest.mark.skipif(
    not (dist.is_available() and dist.is_gloo_available()), reason="this torch has no Gloo for several processes"
)
def test_two_processes_come_close_to_one(tmp_path: Path) -> None:
    """Same batches, same first numbers: after an epoch the losses agree, and one process wrote one model."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    command = [*launch, "-m", "nscweb.training", *WORDS, *FURTHER, "--out", str(tmp_path / "two")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("accuracy on held-out cells") == 1
    assert main([*WORDS, *FURTHER, "--out", str(tmp_path / "one")], {}) == 0
    two = read_card(tmp_path / "two")
    assert two.card.origin.device == "CPU, 1 thread, 2 processes"
    assert replay_example(two).largest_difference < score_rounding(load_model(two))
    rows = [json.loads((tmp_path / name / "curves.json").read_text("utf-8"))["history"][0] for name in ("one", "two")]
    assert rows[1]["train_loss"] == pytest.approx(rows[0]["train_loss"], rel=0.1)
    assert rows[1]["validation_loss"] == pytest.approx(rows[0]["validation_loss"], rel=0.1)
    assert {path.name for path in (tmp_path / "two").iterdir()} == {path.name for path in (tmp_path / "one").iterdir()}
