"""Why nothing came in: one sentence made of the commonest reason."""

from __future__ import annotations

from collections.abc import Sequence

from nscweb.core.errors import InputRefused, LimitExceeded
from nscweb.core.findings import FindingLog


def why_nothing(log: FindingLog, names: Sequence[str]) -> InputRefused:
    """The error for an import without a single usable cell.

    Every file failed alike in most such cases, so the commonest reason is the reason; LimitExceeded when it is a
    limit.
    """
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    folded = log.by_reason()
    reasons = [line for line in folded if line.level == "skip"]
    others = [line for line in folded if line.code.startswith(("N-FMT-", "W-ZIP-TABLE"))]
    if not reasons and others:
        return InputRefused(f"No images were found in {shown}: {others[0].message}", "", f"E-{others[0].code[2:]}")
    if not reasons:
        return InputRefused(
            f"No images were found in {shown}.",
            "Upload TIFF, PNG, JPEG or BMP images, or a zip of them.",
            "E-NO-IMAGES",
        )
    first = max(reasons, key=lambda line: line.count)
    kind = LimitExceeded if first.code.startswith("E-LIMIT") else InputRefused
    count = f" ({first.count:,} files)" if first.count > 1 else ""
    return kind(f"No image in {shown} can be used{count}: {first.message}", "", first.code)
