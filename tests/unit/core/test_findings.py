"""100,000 bad members are one line with a count."""

from __future__ import annotations

from nscweb.core.findings import Finding, FindingLog


def test_findings_fold_by_reason_gravest_first_then_most_frequent():
    log = FindingLog()
    for number in range(100_000):
        log.add("skip", "E-IMG-TRUNCATED", "The image is cut off.", f"a/{number}.tif")
    log.add("skip", "E-IMG-EMPTY", "The file is empty.", "b.tif")
    log.add("note", "I-ALPHA", "Alpha dropped.")
    log.add("refuse", "E-ZIP", "No zip.", "x.zip")
    folded = log.by_reason()
    assert [(line.level, line.count) for line in folded] == [("refuse", 1), ("skip", 100_000), ("skip", 1), ("note", 1)]
    assert folded[1].examples == ("a/0.tif", "a/1.tif", "a/2.tif")
    assert folded[3].examples == ()
    assert len(log) == 100_003 and log.count("skip") == 100_001


def test_the_same_code_at_two_levels_is_two_reasons():
    log = FindingLog([Finding("warn", "X", "m"), Finding("skip", "X", "m")])
    assert [line.level for line in log.by_reason()] == ["skip", "warn"]


def test_adding_returns_the_finding_and_order_is_kept():
    log = FindingLog()
    first = log.add("warn", "A", "one")
    log.extend([Finding("note", "B", "two")])
    assert list(log) == [first, Finding("note", "B", "two")]
