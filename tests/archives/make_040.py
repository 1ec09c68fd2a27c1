"""How `v040.tar.xz` was made by version 0.4.0 (commit 49ab8fd): a model, a study, its run and its report.

    git worktree add ../v040 49ab8fd
    PYTHONPATH=../v040 python tests/archives/make_040.py OUT_FOLDER

The cells are drawn here: 24 x 24 pixels, a disc, a ring or a bar on a grey ground. They are no cells of anybody.
`expected.json` holds what 0.4.0 said of them.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

FORMS = ("astrocyte", "neuron", "oligodendrocyte")
GROUPS = {"Control": (0.6, 0.2, 0.2), "NT3": (0.2, 0.6, 0.2)}
HOURS, REPLICATES, CELLS = (24, 72), 3, 8


def image(form: int, rng: np.random.Generator) -> bytes:
    """A PNG of one object."""
    y, x = np.mgrid[:24, :24] - 11.5
    x, y = x + rng.normal(0, 0.7), y + rng.normal(0, 0.7)
    far = np.hypot(x, y)
    shape = (far < 6, (far > 4) & (far < 8), (abs(x) < 2.5) & (abs(y) < 9))[form]
    grey = 128 + 60 * shape + rng.normal(0, 4, (24, 24))
    # Few greys, so that the archive stays small.
    grey = (np.clip(grey, 0, 255) / 8).round() * 8
    out = io.BytesIO()
    Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def write_study(path: Path, sheet: Path, seed: int, pure: bool) -> None:
    """A zip with one folder per sample, and its sheet; `pure`: every sample is of one class, which the sheet says."""
    rng = np.random.default_rng(seed)
    with zipfile.ZipFile(path, "w") as archive, sheet.open("w", newline="") as stream:
        lines = csv.writer(stream)
        lines.writerow(["sample", "group", "time", "replicate", "control", *(["class"] if pure else [])])
        for group in FORMS if pure else GROUPS:
            for hours in HOURS:
                for replicate in range(1, REPLICATES + 1):
                    sample = f"{group}_{hours}h_{replicate}"
                    control = "yes" if group == "Control" else ""
                    lines.writerow([sample, group, f"{hours} h", replicate, control, *([group] if pure else [])])
                    for number in range(1, CELLS + 1):
                        form = FORMS.index(group) if pure else int(rng.choice(3, p=GROUPS[group]))
                        archive.writestr(f"{sample}/{number}_Ch1.png", image(form, rng))


def main(out: Path) -> None:
    """Run the commands of 0.4.0 and pack what they made."""
    out.mkdir(parents=True)

    def nscweb(*words: str) -> dict[str, object]:
        # With paths from the folder itself, so that no path of a machine gets in.
        command = [sys.executable, "-m", "nscweb", *words, "--json", "--data-dir", "data"]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=out)
        said: dict[str, object] = json.loads(done.stdout)
        return said

    for name, seed, pure in (("Labelled", 1, True), ("Screen", 2, False)):
        write_study(out / f"{name}.zip", out / f"{name}.csv", seed, pure)
        nscweb("study", "import", f"{name}.zip", "--name", name, "--sheet", f"{name}.csv")
    nscweb(
        *("train", "Labelled", "--out", "data/models/small", "--epochs", "40", "--seed", "3"),
        *("--set", "options.width=8", "--set", "options.depth=1", "--set", "batch=16"),
    )
    nscweb("study", "delete", "Labelled")
    predicted = nscweb("predict", "Screen", "--model", "small")
    compared = nscweb("compare", "Screen", "--out", "compared")
    nscweb("report", "Screen", "--format", "zip", "--out", "report.zip")
    expected = {"predicted": predicted, "compared": compared}
    (out / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", "utf-8")
    with tarfile.open(out / "v040.tar.xz", "w:xz", preset=9) as archive:
        for name in ("data", "compared", "report.zip", "expected.json"):
            archive.add(out / name, name)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
