"""Records to JSON and back by their type hints: what travels between hosts.

In: frozen dataclasses of strings, numbers, times, bytes, enums, tuples, mappings.  Out: values that
`json` writes, and the same records again.  No pickle: a file from another host is data, it never
runs, and an unknown or missing field is an error instead of a surprise.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import types
import typing
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

T = TypeVar("T")
_BYTES = "base64"


def to_json(value: Any) -> Any:
    """Return `value` as JSON-ready lists, dicts, strings and numbers."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        # JSON can carry a lone surrogate, the file's UTF-8 cannot.
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, bytes):
        return {_BYTES: base64.b64encode(value).decode("ascii")}
    if isinstance(value, datetime):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, Sequence | frozenset | set):
        return [to_json(item) for item in value]
    raise TypeError(f"{type(value).__name__} does not travel")


def from_json(kind: type[T], data: Any) -> T:
    """Return the record of type `kind` that `to_json` wrote.

    Raises:
        ValueError: the data are not such a record.
    """
    try:
        value: T = _read(kind, data)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"not a {getattr(kind, '__name__', kind)}: {error}") from None
    return value


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _read(kind: Any, data: Any) -> Any:
    if kind is Any:
        return data
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        return _read_union(typing.get_args(kind), data)
    if origin is not None:
        return _read_container(origin, typing.get_args(kind), data)
    if dataclasses.is_dataclass(kind):
        hints = _hints(typing.cast("type", kind))
        return typing.cast("Any", kind)(**{k: _read(hints[k], v) for k, v in data.items()})
    if kind is datetime:
        return datetime.fromisoformat(data)
    if kind is bytes:
        return base64.b64decode(data[_BYTES], validate=True)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(data)
    if kind is float and type(data) is int:
        return float(data)
    if type(data) is not kind:
        raise TypeError(f"{type(data).__name__} where {kind} should be")
    return data


def _read_union(kinds: tuple[Any, ...], data: Any) -> Any:
    if data is None:
        if type(None) in kinds:
            return None
        raise TypeError("nothing where something should be")
    rest = [kind for kind in kinds if kind is not type(None)]
    if len(rest) > 1 and bytes in rest:
        coded = isinstance(data, dict)
        rest = [kind for kind in rest if (kind is bytes) == coded]
    return _read(rest[0], data)


def _read_container(origin: Any, args: tuple[Any, ...], data: Any) -> Any:
    if origin in (tuple, list, frozenset, set) or origin is Sequence:
        made = origin if origin is not Sequence else tuple
        if not isinstance(data, list):
            raise TypeError("no list")
        if origin is tuple and not (len(args) == 2 and args[1] is Ellipsis):
            return tuple(_read(kind, item) for kind, item in zip(args, data, strict=True))
        return made(_read(args[0], item) for item in data)
    if not isinstance(data, dict):
        raise TypeError("no mapping")
    return {_read(args[0], key): _read(args[1], item) for key, item in data.items()}
