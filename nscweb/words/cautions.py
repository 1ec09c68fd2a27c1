"""What a reader must know beside a number: few cells, few replicates, strange samples, what was left out."""

from __future__ import annotations

from collections.abc import Sequence

from nscweb.core.rules import FAR, FEW_CELLS, FEWEST_CELLS, WIDE
from nscweb.words.numbers import listed, sentence_start
from nscweb.words.rows import Facts, Row, enough, shown_name, usable

UNLIKE = "unlike those that the model knows (red trust light)"


def cautions(ranked: Sequence[Row], known: Facts) -> list[str]:
    """Sentences on the group named first, and on those that it is compared with."""
    leader, others = ranked[0], ranked[1:]
    name, number = str(leader["group"]), int(leader["replicates"])
    said = []
    if number == 1:
        said.append("One replicate: the interval is about its cells and says nothing about the next culture.")
    elif number < known.fewest:
        said.append(f"Only {number} replicates: no p value is given.")
    if name in known.outlying:
        said.append(f"{sentence_start(shown_name(name))}: {known.outlying[name]}.")
    if known.unnamed & {str(row["group"]) for row in ranked}:
        said.append(
            "Samples without a replicate name count as one replicate each, which is right only for cultures of "
            "their own."
        )
    if float(leader["high"]) - float(leader["low"]) > WIDE:
        said.append("The interval is wide: little is known yet.")
    if int(leader["cells"]) < FEW_CELLS:
        said.append(f"Only {_cells(leader)} counted{'' if enough(leader) else ': too few to rely on'}.")
    elif name in known.small:
        few, whole = known.small[name]
        said.append(
            f"{few} of its {whole} replicates {'has' if few == 1 else 'have'} fewer than {FEWEST_CELLS} cells: "
            "the number hangs on very few cells."
        )
    return said + _lights(leader, others)


def moved(rows: Sequence[Row], method: str) -> str:
    """A line on shares that the correction moves far from what was counted, the furthest first; "" where none is.

    Args:
        rows: groups of one fate and time point, with the counted share as ``naive_mean``.
        method: key of evaluation.ratios.estimates.METHODS.
    """
    if method == "naive":
        return ""
    gaps = [(abs(row["mean"] - row["naive_mean"]), row) for row in rows if usable(row) and "naive_mean" in row]
    far = sorted((pair for pair in gaps if pair[0] > FAR), key=lambda pair: -pair[0])
    if not far:
        return ""
    told = [
        f"{shown_name(row['group'])} from {100 * row['naive_mean']:.0f} to {100 * row['mean']:.0f} %" for _, row in far
    ]
    return (
        f"The correction moves by more than {100 * FAR:.0f} points: {listed(told)} (counted labels, then "
        "corrected); look at the cells of these groups."
    )


def _lights(leader: Row, others: Sequence[Row]) -> list[str]:
    said = []
    if leader["light"] == "yellow":
        said.append(
            "A yellow trust light: some of its samples differ from those that the model knows or have few cells; "
            "take it with care."
        )
    yellow = [shown_name(row["group"]) for row in others if row["light"] == "yellow"]
    if yellow:
        said.append(f"A yellow trust light {'also ' if said else ''}marks what it is compared with: {listed(yellow)}.")
    if leader["light"] == "":
        said.append("Whether the model fits its samples was not judged.")
    return said


def left_out(rows: Sequence[Row], ranked: Sequence[Row], known: Facts) -> list[str]:
    """Sentences on every group of that time point that is not ranked, and why."""
    names = {str(row["group"]) for row in ranked}
    rest = [row for row in rows if str(row["group"]) not in names]
    rest.sort(key=lambda row: (str(row["group"]).casefold(), str(row["group"])))
    red = [row for row in rest if usable(row) and row["light"] == "red"]
    few = [row for row in rest if usable(row) and row["light"] != "red"]
    lost = [row for row in rest if not usable(row)]
    said = []
    if few:
        counted = [f"{shown_name(row['group'])} ({int(row['cells'])})" for row in few]
        whose = "its" if len(few) == 1 else "their"
        said.append(f"Not ranked, because {whose} cells are too few to rely on: {listed(counted)}.")
    if red:
        whose = "its cells are" if len(red) == 1 else "their cells are"
        said.append(f"Not ranked, because {whose} {UNLIKE}: {listed([_red(row, known) for row in red])}.")
    if lost:
        said.append(
            f"Not ranked, because the ratio cannot be recovered: {listed([shown_name(row['group']) for row in lost])}."
        )
    return said + not_seen(known)


def not_seen(known: Facts) -> list[str]:
    """Sentences on what the tables do not hold: filtered groups, replicates and cells."""
    said = []
    if known.emptied:
        names = listed([shown_name(name) for name in known.emptied])
        said.append(f"Not ranked, because no cell is left after the gates and filters: {names}.")
    hidden = [
        f"{number} {word if number == 1 else word + 's'}"
        for number, word in ((known.hidden_groups, "group"), (known.hidden_replicates, "replicate"))
        if number
    ]
    if hidden:
        counted = "; p values still count their comparisons" if known.hidden_groups else ""
        said.append(f"The filter hides {listed(hidden)} of this run; nothing is said about what is hidden{counted}.")
    return said


def _red(row: Row, known: Facts) -> str:
    red, whole = known.red.get(str(row["group"]), (1, 1))
    name = shown_name(row["group"])
    return f"{name} ({red} of {whole} samples)" if red < whole else name


def _cells(row: Row) -> str:
    number = int(row["cells"])
    return "1 cell was" if number == 1 else f"{number} cells were"
