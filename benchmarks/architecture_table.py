"""All networks of the table with their parameters and work, beside what their papers print.

    python benchmarks/architecture_table.py [--channels 3] [--classes 3] [--out docs/measured/ARCHITECTURES.md]

Nothing is trained or even filled with numbers, so it takes seconds. Work is counted at the input of the paper:
convolutions, linear layers and attention, one multiply-add as two operations (GFLOP). Papers and tools often
print multiply-adds as "GFLOPs", so both are listed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.architectures.contract import Architecture
from nscweb.models.cost import Cost, count_cost

_COLUMNS = (
    "network",
    "what it is",
    "input",
    "parameters",
    "paper",
    "multiply-adds, G",
    "GFLOP",
    "paper, GFLOPs",
    "class maps",
    "weights of its body",
)


def cost(line: Architecture, channels: int, classes: int) -> Cost:
    """Work of one cell at the input that the network was designed for."""
    with torch.device("meta"):
        return count_cost(line.make(channels, classes), (channels, *line.default_input))


def row(line: Architecture, channels: int, classes: int) -> tuple[str, ...]:
    """The cells of one line of the table."""
    work, published = cost(line, channels, classes), line.published
    return (
        f"`{line.name}`",
        line.title,
        f"{line.default_input[0]} x {line.default_input[1]}",
        f"{work.parameters / 1e6:.2f} M",
        "" if published.parameters_m is None else f"{published.parameters_m:g} M",
        f"{work.macs / 1e9:.3f}",
        f"{work.mflop / 1e3:.3f}",
        "" if published.gflops is None else f"{published.gflops:.2f}",
        line.class_maps,
        line.pretrained,
    )


def markdown(channels: int, classes: int) -> str:
    """The whole document."""
    lines = [
        "# Networks",
        "",
        f"Written by `benchmarks/architecture_table.py` for {channels} channels and {classes} classes. Work is that of "
        "one cell at the input given; one multiply-add is two operations. Class maps: in closed form they come with "
        "the prediction, by gradient they are drawn by Grad-CAM, and none means that the network keeps no places.",
        "",
        f"| {' | '.join(_COLUMNS)} |",
        f"|{'---|' * len(_COLUMNS)}",
        *(f"| {' | '.join(row(line, channels, classes))} |" for line in ARCHITECTURES.values()),
        "",
        "## Where numbers differ from those of the papers",
        "",
        *(f"- `{line.name}`: {line.published.remark}" for line in ARCHITECTURES.values() if line.published.remark),
        "",
        "Choices that a paper leaves open are named at the head of the file in `nscweb/models/architectures`.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--classes", type=int, default=3)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    text = markdown(given.channels, given.classes)
    print(text, end="")
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
