"""The answer on top of Predict and Compare: verdict, sentence, who is highest at each time point, the rest folded."""

from __future__ import annotations

import math

from nscweb.services import comparison as comparisons
from nscweb.ui.compare_controls import Asked
from nscweb.ui.filters import time_word
from nscweb.ui.text import count, html, percent

# Colour, sign and words of a verdict; colour is not the only sign.
_VERDICTS = {
    "clear": ("#00795a", "✓", "Shown by a test"),
    "control": ("#00795a", "✓", "Shown by a test"),
    "open": ("#8a6100", "?", "Not shown by a test"),
    "none": ("#b23a00", "✕", "No answer"),
}
_MOST_TIMES = 8
_TEXT = 3000
_OVER_TIME = "Over time ("


def answer_html(asked: Asked) -> str:
    """The whole block; every text in it is escaped."""
    found = asked.found
    said = comparisons.answer_of(found, asked.fate, asked.time_h)
    colour = _VERDICTS[said.verdict][0]
    folded = {comparisons.time_line(found, asked.time_h)}
    early = [text for text in said.details if text not in folded and not text.startswith(_OVER_TIME)]
    more = [text for text in said.details if text not in early]
    lines = [*early, comparisons.lights_line(found), found.estimates.sentence]
    rest = f"<details><summary>All time points in words</summary>{_list(more)}</details>" if more else ""
    named = badge(said.verdict, said.leader, found.control, said.untested)
    return (
        f'<div class="nsc-answer" role="status" style="border-left-color:{colour}">'
        f'<span class="verdict" style="background:{colour}">'
        f"{html(named)}</span>"
        f'<div class="said">{html(said.headline, _TEXT)}</div>{_times(asked)}{_list(lines)}{rest}</div>'
    )


def badge(verdict: str, leader: str, control: str, untested: str = "") -> str:
    """Words of the verdict: what was asked, against the control or against all, is what they speak of."""
    _, sign, words = _VERDICTS[verdict]
    if not control or verdict == "none" or leader == control:
        return f"{sign} {words}"
    if untested:
        return f"{sign} Not tested against {control}"
    return f"{sign} {'Not shown' if verdict == 'open' else 'Shown'} against {control}"


def highest_at(asked: Asked) -> list[tuple[float, str, str, str, int]]:
    """(hours, group, share, verdict, groups) at each of the last time points: who is highest, whether a test shows it.

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
        leader, verdict = comparisons.leader_at(found, asked.fate, hours)
        known = verdict != "none"
        mean = share.get((leader, hours), math.nan) if known else math.nan
        text = "" if math.isnan(mean) else percent(mean, 0)
        groups = int((table["time_h"] == hours).sum())
        result.append((hours, (leader or "no group given") if known else "", text, verdict, groups))
    return result


def _times(asked: Asked) -> str:
    """A tile per time point: the answer to "how early" at a glance; nothing where there is one time point."""
    rows = highest_at(asked)
    if len(rows) < 2:
        return ""
    tiles = []
    for hours, group, share, verdict, groups in rows:
        colour, sign, words = _VERDICTS[verdict]
        here = ' class="here"' if hours == asked.time_h else ""
        name = html(group) if group else "no group"
        tiles.append(
            f'<li{here} title="{html(words)}"><small>{html(time_word(hours))} · {count(groups, "group")}</small>'
            f'<b style="color:{colour}">{sign}</b><span>{name}</span><em>{html(share)}</em></li>'
        )
    fate = html(asked.fate)
    against = f"higher than {html(asked.found.control)}" if asked.found.control else "highest"
    return (
        f'<div class="when">Highest % {fate} at each time point (✓ shown by a test to be {against}, ? not shown, ✕ no '
        f'answer)</div><ul class="times">{"".join(tiles)}</ul>'
    )


def _list(sentences: list[str]) -> str:
    lines = "".join(f"<li>{html(sentence, _TEXT)}</li>" for sentence in sentences if sentence)
    return f'<ul class="nsc-list">{lines}</ul>'
