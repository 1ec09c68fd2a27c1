"""The cache of services: the last results, each made once, whoever asks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier, Event
from time import sleep

import numpy as np
import pandas as pd
import pytest

from nscweb.services.kept import clear_all, kept, table_mark

# Tables of colours and style sheets, made once from nothing.
CONSTANTS = {"nscweb/services/cells/explain.py", "nscweb/ui/style.py"}


def test_the_last_used_results_are_kept() -> None:
    made: list[int] = []

    @kept(2)
    def square(number: int) -> int:
        made.append(number)
        return number**2

    assert [square(number) for number in (1, 2, 1, 3, 1, 2)] == [1, 4, 1, 9, 1, 4]
    assert made == [1, 2, 3, 2]


def test_bytes_are_limited_and_the_newest_stays() -> None:
    made: list[int] = []

    @kept(10, most_bytes=100, size=len)
    def block(size: int) -> bytes:
        made.append(size)
        return bytes(size)

    for size in (40, 50, 40, 60, 50, 1000, 1000):
        block(size)
    assert made == [40, 50, 60, 50, 1000]


def test_two_sessions_make_one_value() -> None:
    """Nine threads ask at once, for two keys: each is made once, and all get the same object."""
    made: list[str] = []
    together = Barrier(9)

    @kept(4)
    def slow(name: str) -> list[str]:
        made.append(name)
        sleep(0.05)
        return [name]

    def ask(number: int) -> list[str]:
        together.wait()
        return slow("ab"[number % 2])

    with ThreadPoolExecutor(9) as pool:
        found = list(pool.map(ask, range(9)))
    assert sorted(made) == ["a", "b"]
    assert all(found[number] is found[number % 2] for number in range(9))


def test_errors_are_not_kept_and_who_waited_tries_again() -> None:
    calls: list[int] = []
    entered, go = Event(), Event()

    @kept(4)
    def once_broken() -> str:
        calls.append(1)
        if len(calls) == 1:
            entered.set()
            go.wait(5)
            raise ValueError("broken")
        return "made"

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(once_broken)
        assert entered.wait(5)
        second = pool.submit(once_broken)
        go.set()
        with pytest.raises(ValueError, match="broken"):
            first.result(5)
        assert second.result(5) == "made"
    assert len(calls) == 2


def test_two_values_that_ask_for_one_another_do_not_wait_forever() -> None:
    together = Barrier(2)

    @kept(4)
    def one(depth: int) -> str:
        if depth == 0:
            together.wait(5)
            return "one+" + other(1)
        return "one"

    @kept(4)
    def other(depth: int) -> str:
        if depth == 1:
            sleep(0.02)
            return "other"
        together.wait(5)
        return "other+" + one(0)

    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(one, 0), pool.submit(other, 0)]
        assert [item.result(5) for item in asked] == ["one+other", "other+one+other"]


def test_a_circle_of_waiting_is_broken() -> None:
    together = Barrier(2)
    inside: list[str] = []

    @kept(4)
    def value(name: str) -> str:
        inside.append(name)
        if inside.count(name) == 1:
            together.wait(5)
            return name + value("b" if name == "a" else "a")
        return name

    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(value, "a"), pool.submit(value, "b")]
        found = {item.result(5)[:2] for item in asked}
    assert found == {"ab", "ba"}


def test_a_value_that_asks_for_itself_is_made() -> None:
    calls: list[int] = []

    @kept(4)
    def own() -> int:
        calls.append(1)
        return 1 if len(calls) > 1 else own() + 1

    assert own() == 2


def test_a_key_of_none_is_not_kept_and_a_sign_is_shown_while_something_is_made() -> None:
    shown: list[str] = []

    @contextmanager
    def sign() -> Iterator[None]:
        shown.append("on")
        yield
        shown.append("off")

    @kept(4, lambda number: None if number < 0 else number)
    def same(number: int) -> int:
        return number

    for number in (1, 1, -1, -1):
        assert same.announced(sign(), number) == number
    assert shown == ["on", "off"] * 3


def test_forgetting_counts_for_what_is_being_made() -> None:
    entered, go = Event(), Event()
    made: list[int] = []

    @kept(4)
    def number() -> int:
        made.append(1)
        entered.set()
        go.wait(5)
        return len(made)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(number)
        assert entered.wait(5)
        clear_all()
        go.set()
        assert first.result(5) == 1
    assert number() == 2 and number() == 2
    number.clear()
    assert number() == 3


def test_tables_have_marks() -> None:
    table = pd.DataFrame({"group": ["a", "b"], "ratio": [0.1, np.nan]})
    assert table_mark(table) == table_mark(table.copy())
    others = [
        table.rename(columns={"group": "x"}),
        table.iloc[::-1],
        table.assign(ratio=[0.1, 0.2]),
        table.assign(ratio=table["ratio"].astype("float32")),
        table.iloc[:1],
        None,
    ]
    assert len({table_mark(other) for other in [table, *others]}) == 7


def test_services_and_pages_have_no_other_cache(project: Path) -> None:
    """Streamlit keeps one object, the opened app."""
    found = {
        str(path.relative_to(project))
        for folder in ("nscweb/services", "nscweb/ui", "pages")
        for path in (project / folder).rglob("*.py")
        if re.search(r"lru_cache|functools\.cache\b|OrderedDict|cache_resource|cache_data", path.read_text("utf-8"))
    }
    assert found == {"nscweb/services/kept.py", "nscweb/ui/cached.py"} | CONSTANTS
