"""Objects of this program on their way to another process, as JSON and bytes instead of a pickle.

A pickle may name anything that is to be run when it is opened; a parcel holds plain values, arrays, and objects
whose class is one of ours, and opening it runs nothing but `__new__`.
"""

from __future__ import annotations

import importlib
from contextlib import ExitStack
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

_OURS = "nscweb."
_PLAIN = (str, int, float, bool, type(None))
_LISTS: dict[str, type] = {"tuple": tuple, "set": set, "frozenset": frozenset}


def pack(value: Any) -> tuple[Any, bytes]:
    """(JSON, bytes) of a value made of plain values, containers, arrays, paths and objects of nscweb.

    Raises:
        TypeError: something in it cannot travel, such as an open file.
    """
    blobs: list[bytes] = []
    tree = _pack(value, blobs)
    sizes = [len(blob) for blob in blobs]
    return {"tree": tree, "sizes": sizes}, b"".join(blobs)


def unpack(said: Any, payload: bytes) -> Any:
    """Inverse of `pack`.

    Raises:
        TypeError: a class that is none of ours.
    """
    blobs, at = [], 0
    for size in said["sizes"]:
        blobs.append(memoryview(payload)[at : at + size])
        at += size
    return _unpack(said["tree"], blobs)


def _pack(value: Any, blobs: list[bytes]) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is list:
        return [_pack(item, blobs) for item in value]
    if kind in (tuple, set, frozenset):
        return {kind.__name__: [_pack(item, blobs) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[_pack(key, blobs), _pack(item, blobs)] for key, item in value.items()]}
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        blobs.append(np.ascontiguousarray(value).tobytes())
        return {"array": [value.dtype.str, list(value.shape), len(blobs) - 1]}
    if isinstance(value, np.generic):
        return _pack(value.item(), blobs)
    if isinstance(value, (bytes, bytearray)):
        blobs.append(bytes(value))
        return {"bytes": len(blobs) - 1}
    if isinstance(value, Path):
        return {"path": str(value)}
    if isinstance(value, ExitStack):
        return {"stack": 0}
    name = f"{value.__module__}:{value.__qualname__}" if isinstance(value, FunctionType) else ""
    if name.startswith(_OURS) and "<" not in name:
        return {"function": name}
    if kind.__module__.startswith(_OURS):
        return {"object": [f"{kind.__module__}:{kind.__qualname__}", _pack(value.__getstate__(), blobs)]}
    raise TypeError(f"{kind.__name__} cannot be handed to another process")


def _unpack(tree: Any, blobs: list[memoryview]) -> Any:
    if isinstance(tree, list):
        return [_unpack(item, blobs) for item in tree]
    if not isinstance(tree, dict):
        return tree
    ((kind, held),) = tree.items()
    if kind in _LISTS:
        return _LISTS[kind](_unpack(item, blobs) for item in held)
    if kind == "dict":
        return {_unpack(key, blobs): _unpack(item, blobs) for key, item in held}
    if kind == "array":
        dtype, shape, number = held
        return np.frombuffer(blobs[number], np.dtype(dtype)).reshape(shape)
    if kind == "bytes":
        return bytes(blobs[held])
    if kind == "path":
        return Path(held)
    if kind == "stack":
        return ExitStack()
    if kind == "function":
        return _named(held)
    return _object(held[0], held[1], blobs)


def _object(name: str, tree: Any, blobs: list[memoryview]) -> Any:
    kind = _named(name)
    if not isinstance(kind, type):
        raise TypeError(f"{name} is no class")
    made: Any = object.__new__(kind)
    state = _unpack(tree, blobs)
    restore = getattr(made, "__setstate__", None)
    if restore is not None:
        restore(state)
        return made
    # Attributes, or (attributes, slots) where a class has slots.
    for part in state if isinstance(state, tuple) else (state,):
        for attribute, item in (part or {}).items():
            object.__setattr__(made, attribute, item)
    return made


def _named(name: str) -> Any:
    module, _, path = name.partition(":")
    if not module.startswith(_OURS):
        raise TypeError(f"{module} is not a part of nscweb")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found
