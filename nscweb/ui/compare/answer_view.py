"""The answer on top of Predict and Compare: verdict, sentence, who is highest at each time point, the rest folded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nscweb.services.compare import comparison as comparisons
from nscweb.services.compare.early_table import EarlyCell, early_table
from nscweb.services.compare.facts import about_group
from nscweb.ui.compare.question import Asked
from nscweb.ui.filters import time_word
from nscweb.ui.text import html, percent
from nscweb.words.marks import mark_colour, symbol
from nscweb.words.numbers import count

# Colour, sign and words of a verdict; colour is not the only sign.
_VERDICTS = {
    "clear": ("#00795a", "✓", "Shown by a test"),
    "control": ("#00795a", "✓", "Shown by a test"),
    "open": ("#8a6100", "○", "Not proven"),
    "none": ("#b23a00", "✕", "No answer"),
}
_MOST_TIMES = 8
_TEXT = 3000
_OVER_TIME = "Over time ("


def answer_html(asked: Asked) -> str:
    """The whole block; every text in it is escaped."""
    found = asked.found
    said = comparisons.answer_of(found, asked.fate, asked.time_h)
    sentence, verdict = said.headline, said.verdict
    named = badge(said.verdict, said.leader, found.control, said.untested)
    lead: list[str] = []
    if asked.about is not None:
        # The question is another one; what holds for all groups follows as the first line below.
        asked_for = about_group(found, asked.about, asked.fate, asked.time_h)
        sentence, verdict, lead = asked_for.headline, asked_for.verdict, [said.headline]
        named = badge(verdict, asked.about, found.control, asked_for.untested)
    colour = _VERDICTS[verdict][0]
    folded = {comparisons.time_line(found, asked.time_h)}
    early = [text for text in said.details if text not in folded and not text.startswith(_OVER_TIME)]
    more = [text for text in said.details if text not in early]
    lines = [*lead, *early, comparisons.lights_line(found), found.estimates.sentence]
    rest = f"<details><summary>All time points in words</summary>{_list(more)}</details>" if more else ""
    return (
        f'<div class="nsc-answer" role="status" style="border-left-color:{colour}">'
        f'<span class="verdict" style="background:{colour}">'
        f"{html(named)}</span>"
        f'<div class="said">{html(sentence, _TEXT)}</div>{_times(asked)}{_early(asked, said.order)}'
        f"{_list(lines)}{rest}</div>"
    )


def badge(verdict: str, leader: str, control: str, untested: str = "") -> str:
    """Words of the verdict: what was asked, against the control or against all, is what they speak of."""
    _, sign, words = _VERDICTS[verdict]
    if not control or verdict == "none" or leader == control:
        return f"{sign} {words}"
    if untested:
        return f"{sign} Not tested against {control}"
    return f"{sign} {'Not proven' if verdict == 'open' else 'Shown'} against {control}"


@dataclass(frozen=True)
class Tile:
    """Who is highest at one time point.

    Attributes:
        hours: the time point.
        group, share: name and per cent in words; "" where there is no number to rely on.
        verdict: as `words.headline.Answer.verdict`.
        groups: groups with cells then.
        of: groups of the whole comparison.
        untested: no test against the chosen group was possible.
    """

    hours: float
    group: str
    share: str
    verdict: str
    groups: int
    of: int
    untested: bool = False

    @property
    def alone(self) -> bool:
        """The only group then: there is nothing to be higher than."""
        return self.groups == 1

    @property
    def few(self) -> bool:
        """Most groups have no cells then, so that to be highest says little."""
        return self.alone or 2 * self.groups < self.of

    @property
    def words(self) -> tuple[str, str]:
        """Sign, and what it says."""
        _, sign, words = _VERDICTS[self.verdict]
        if self.verdict != "none" and self.alone:
            return "", "only group"
        return sign, "Not tested" if self.untested else words


def highest_at(asked: Asked) -> list[Tile]:
    """A tile for each of the last time points: who is highest, and whether a test shows it.

    Groups are those with cells then: to be highest of two means less than to be highest of nine.
    """
    found = asked.found
    table = found.groups[(found.groups["class"] == asked.fate).to_numpy(bool)]
    share = {
        (str(name), hours): float(mean)
        for name, hours, mean in zip(table["group"], table["time_h"], table["mean"], strict=True)
    }
    result = []
    for hours in [hours for hours in comparisons.times_of(found) if not math.isnan(hours)][-_MOST_TIMES:]:
        said = comparisons.lead_at(found, asked.fate, hours)
        known = said.verdict != "none"
        mean = share.get((said.leader, hours), math.nan) if known else math.nan
        result.append(
            Tile(
                hours,
                (said.leader or "no group given") if known else "",
                "" if math.isnan(mean) else percent(mean, 0),
                said.verdict,
                int((table["time_h"] == hours).sum()),
                int(table["group"].nunique()),
                bool(said.untested),
            )
        )
    return result


def _times(asked: Asked) -> str:
    """A tile per time point: the answer to "how early" at a glance; nothing where there is one time point."""
    rows = highest_at(asked)
    if len(rows) < 2:
        return ""
    tiles = []
    for row in rows:
        sign, words = row.words
        kinds = " ".join(name for name, so in (("here", row.hours == asked.time_h), ("few", row.few)) if so)
        many = f"{row.groups} of {row.of} groups" if row.few else count(row.groups, "group")
        many = "only group" if row.alone else many
        colour = "" if row.few else f' style="color:{_VERDICTS[row.verdict][0]}"'
        tiles.append(
            f'<li class="{kinds}" title="{html(words)}"><small>{html(time_word(row.hours))} · {many}</small>'
            f"<b{colour}>{sign}</b><span>{html(row.group) if row.group else 'no group'}</span>"
            f"<em>{html(row.share)}</em></li>"
        )
    fate = html(asked.fate)
    against = f"higher than {html(asked.found.control)}" if asked.found.control else "highest"
    grey = "; grey: most groups have no cells then" if any(row.few for row in rows) else ""
    return (
        f'<div class="when">Highest % {fate} at each time point (✓ shown by a test to be {against}, ○ not proven, ✕ no '
        f'answer{grey})</div><ul class="times">{"".join(tiles)}</ul>'
    )


def _early(asked: Asked, order: Sequence[str]) -> str:
    """The fate in every group at every time point: the table of the report, without decimals."""
    made = early_table(asked.found, asked.fate, order)
    if made is None:
        return ""
    head = "".join(f"<th>{html(time_word(hours))}</th>" for hours in made.times_h)
    lines = "".join(
        f"<tr><th>{html(name or 'no group given')}</th>{''.join(map(_early_cell, cells))}</tr>"
        for name, cells in made.lines.items()
    )
    legend = f" ({html(made.legend)})" if made.legend else ""
    return (
        f"<details open><summary>How early: % {html(asked.fate)} in every group, with 95 % interval{legend}</summary>"
        f'<div class="early"><table><tr><th></th>{head}</tr>{lines}</table></div></details>'
    )


def _early_cell(cell: EarlyCell | None) -> str:
    if cell is None:
        return "<td>–</td>"
    row = cell.row
    if not row["recovered"] or math.isnan(row["mean"]):
        return "<td>no ratio</td>"
    ends = "" if math.isnan(row["low"]) else f" <small>{100 * row['low']:.0f}–{100 * row['high']:.0f}</small>"
    light = symbol(str(row["light"]))
    mark = f'<i style="color:{mark_colour(str(row["light"]))}">{light}</i> ' if light else ""
    return f"<td>{mark}<b>{100 * row['mean']:.0f}</b>{ends} {cell.arrow}</td>"


def _list(sentences: list[str]) -> str:
    lines = "".join(f"<li>{html(sentence, _TEXT)}</li>" for sentence in sentences if sentence)
    return f'<ul class="nsc-list">{lines}</ul>'
