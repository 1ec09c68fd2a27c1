"""Doses of samples, read from the columns of the sample sheet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nscweb.core.run_record import Run
from nscweb.services.predict.runs import get_run, study_of

if TYPE_CHECKING:
    from nscweb.services.context import App


_DOSE = re.compile(r"^(dose|concentration|conc)\b\.?\s*[\(\[]?\s*([^\)\]]*?)\s*[\)\]]?$", re.IGNORECASE)


_UNIT = re.compile(r"^(dose|concentration|conc)?[ _]?unit$", re.IGNORECASE)


_NUMBER = re.compile(r"^\s*([0-9]+(?:[.,][0-9]+)?(?:[eE][-+]?[0-9]+)?)\s*(.*?)\s*$")


def doses_of(app: App, run: Run | str) -> tuple[dict[str, float], str, str]:
    """Dose of each sample by the sheet's column named dose or concentration.

    Returns:
        (sample name -> dose, unit, sentence). The unit is that of the column's name, as in ``dose (ng/ml)``, or of
        a column ``unit``, or of the numbers. The sentence says why a dose could not be read, "" else.
    """
    study = study_of(app, get_run(app, run))
    found: dict[str, float] = {}
    units: set[str] = set()
    wrong: list[str] = []
    for sample in study.samples if study else ():
        extra = {name.strip(): value for name, value in sample.extra}
        heads = [(name, match) for name in extra if (match := _DOSE.match(name)) and not _UNIT.match(name)]
        if not heads or not extra[heads[0][0]].strip():
            continue
        name, match = heads[0]
        number = _NUMBER.match(extra[name])
        if number is None:
            wrong.append(sample.name)
            continue
        found[sample.name] = float(number.group(1).replace(",", "."))
        unit = number.group(2) or match.group(2) or next((v for k, v in extra.items() if _UNIT.match(k)), "")
        # A dose of zero has no need of a unit.
        if unit or found[sample.name] > 0:
            units.add(unit.strip())
    if len(units) > 1:
        listed = ", ".join(sorted(unit or "none" for unit in units))
        return {}, "", f"The doses of the sheet have different units ({listed}); write them all in one unit."
    sentence = f"The dose of {', '.join(wrong[:5])} is not a number and is left out." if wrong else ""
    return found, (units.pop() if units else ""), sentence


def mixed_doses(app: App, run: Run | str) -> str:
    """Groups that hold several doses at one time point, in a sentence; "" when none does.

    Their replicates are averages over doses in every comparison of groups; only the dose curve keeps doses apart.
    """
    study = study_of(app, get_run(app, run))
    doses, _, _ = doses_of(app, run)
    held: dict[tuple[str, float | None], set[float]] = {}
    for sample in study.samples if study and doses else ():
        if sample.name in doses:
            held.setdefault((sample.group, sample.time_h), set()).add(doses[sample.name])
    mixed = list(dict.fromkeys(group or "(no group given)" for (group, _), some in held.items() if len(some) > 1))
    if not mixed:
        return ""
    more = f" and {len(mixed) - 4} more" if len(mixed) > 4 else ""
    return (
        f"Several doses are in one group ({', '.join(mixed[:4])}{more}): ratios of the group are averages over its "
        "doses. The dose curve on Compare keeps them apart; to compare doses, give each its own group, such as "
        "NGF 10 and NGF 50."
    )
