"""What was computed once is kept in memory: the only cache of services, for every page, command and job.

A value that two sessions ask for at the same time is made once, and the second waits for it. What is kept is shared:
nobody changes it. Keys carry everything that a value depends on, so nothing is ever thrown away for being old, only
when newer values need the place.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from functools import update_wrapper
from threading import Event, Lock, get_ident
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

if TYPE_CHECKING:
    import pandas as pd

P = ParamSpec("P")
R = TypeVar("R")

# One lock for all caches: it is held for a look into a dictionary and never while a value is made.
_lock = Lock()
_caches: list[Kept[..., Any]] = []


class _Making:
    """A value that a thread makes at this moment."""

    def __init__(self) -> None:
        self.thread = get_ident()
        self.done = Event()


# Thread -> what it waits for.
_waiting: dict[int, _Making] = {}


class Kept(Generic[P, R]):
    """A function whose last results are kept; made by `kept`."""

    def __init__(
        self,
        function: Callable[P, R],
        entries: int,
        key: Callable[..., Hashable],
        most_bytes: float,
        size: Callable[[Any], int] | None,
    ) -> None:
        update_wrapper(self, function)
        self._function, self._key = function, key
        self._entries, self._most_bytes, self._size = entries, most_bytes, size
        self._values: OrderedDict[Hashable, tuple[R, int]] = OrderedDict()
        self._bytes = 0
        self._making: dict[Hashable, _Making] = {}
        _caches.append(self)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._find(None, self._key(*args, **kwargs), lambda: self._function(*args, **kwargs))

    def announced(self, sign: AbstractContextManager[object], *args: P.args, **kwargs: P.kwargs) -> R:
        """The same; `sign`, such as a spinner, is entered only where the value must be made or waited for."""
        return self._find(sign, self._key(*args, **kwargs), lambda: self._function(*args, **kwargs))

    def clear(self) -> None:
        """Forget everything, also what is being made now."""
        with _lock:
            self._values.clear()
            self._making.clear()
            self._bytes = 0

    def _find(self, sign: AbstractContextManager[object] | None, key: Hashable, make: Callable[[], R]) -> R:
        if key is None:
            return self._under(sign, make)
        with _lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key][0]
        return self._under(sign, lambda: self._made_once(key, make))

    def _under(self, sign: AbstractContextManager[object] | None, make: Callable[[], R]) -> R:
        if sign is None:
            return make()
        with sign:
            return make()

    def _made_once(self, key: Hashable, make: Callable[[], R]) -> R:
        me = get_ident()
        while True:
            with _lock:
                if key in self._values:
                    self._values.move_to_end(key)
                    return self._values[key][0]
                other = self._making.get(key)
                if other is None:
                    mine = self._making[key] = _Making()
                    break
                circle = _waits_for(other, me)
                if not circle:
                    _waiting[me] = other
            if circle:
                # The other thread waits for this one: to make it twice is better than to wait forever.
                return make()
            other.done.wait()
            with _lock:
                _waiting.pop(me, None)
        try:
            value = make()
            self._keep(key, value, mine)
            return value
        finally:
            # After an error nothing is kept: whoever waited tries by himself, and so does the next.
            with _lock:
                if self._making.get(key) is mine:
                    del self._making[key]
            mine.done.set()

    def _keep(self, key: Hashable, value: R, mine: _Making) -> None:
        size = self._size(value) if self._size else 0
        with _lock:
            if self._making.get(key) is not mine:
                return  # cleared meanwhile
            self._values[key] = (value, size)
            self._bytes += size
            while len(self._values) > 1 and (len(self._values) > self._entries or self._bytes > self._most_bytes):
                self._bytes -= self._values.popitem(last=False)[1][1]


def kept(
    entries: int,
    key: Callable[..., Hashable] | None = None,
    *,
    most_bytes: float = float("inf"),
    size: Callable[[Any], int] | None = None,
) -> Callable[[Callable[P, R]], Kept[P, R]]:
    """Keep the results of a function, the last used ones.

    Args:
        entries: results kept at most.
        key: of the same arguments, what a result depends on; None is not kept. Without it the arguments themselves.
        most_bytes: bytes of all results together at most; the newest is kept in any case.
        size: bytes of a result.

    Returns:
        The function; ``clear()`` forgets, ``announced(sign, ...)`` shows that something is being made. Errors are
        not kept.
    """

    def wrap(function: Callable[P, R]) -> Kept[P, R]:
        return Kept(function, entries, key or _arguments, most_bytes, size)

    return wrap


def clear_all() -> None:
    """Forget everything that any function kept."""
    for cache in _caches:
        cache.clear()


def table_mark(table: pd.DataFrame | None) -> str:
    """A short text that differs when a table does: for keys of what is made from it; "" for None."""
    from pandas.util import hash_pandas_object

    if table is None:
        return ""
    digest = hashlib.sha256(repr([*table.columns, *table.dtypes]).encode("utf-8"))
    digest.update(hash_pandas_object(table).to_numpy().tobytes())
    return digest.hexdigest()


def _arguments(*args: Hashable, **kwargs: Hashable) -> Hashable:
    return (args, tuple(sorted(kwargs.items())))


def _waits_for(other: _Making, thread: int) -> bool:
    """Whether the maker of a value is `thread`, or waits, through others, for something that `thread` makes."""
    seen: _Making | None = other
    while seen is not None:
        if seen.thread == thread:
            return True
        seen = _waiting.get(seen.thread)
    return False
