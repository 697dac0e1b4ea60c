"""JSON taken apart strictly: every field has one type, every number is finite, nothing is left over."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NoReturn

import numpy as np

from paceline.baselines.files.atomic import FormatError

MAX_NAME = 500
"""Longest name (of a model, a metric, a fingerprint field …), in characters."""
MAX_TEXT = 100_000
"""Longest text (a reason, a sentence, a value of the fingerprint), in characters."""


class NotJsonError(FormatError):
    """The bytes are no JSON text at all: damaged, or cut off in the middle."""


def parse_json(data: bytes) -> object:
    """The value of one strict JSON text: UTF-8, no NaN, no infinity, no key twice.

    Raises
    ------
    NotJsonError
        It is not JSON (this is what a line that was cut off looks like).
    FormatError
        It is JSON that nothing of ours writes: nested too deeply, endless numbers, repeated keys.
    """
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except FormatError:
        raise
    except RecursionError:
        raise FormatError("nested too deeply") from None
    except UnicodeDecodeError as error:
        raise NotJsonError(f"not UTF-8 text ({error.reason} at byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise NotJsonError(f"not JSON ({error.msg} at line {error.lineno}, column {error.colno})") from error
    except ValueError as error:  # an integer of more digits than Python converts
        raise FormatError(str(error)) from error


def _refuse_constant(name: str) -> NoReturn:
    raise FormatError(f"{name} is not a number that can be stored")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise FormatError(f"the key {twice[:100]!r} occurs twice")
    return result


def finite(value: object, where: str) -> float:
    """``value`` as a finite float; booleans are no numbers."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FormatError(f"{where} must be a number, not {_shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise FormatError(f"{where} must be finite")
    return number


def text(value: object, where: str, limit: int = MAX_TEXT) -> str:
    """``value`` as text of at most ``limit`` characters that UTF-8 can hold."""
    if not isinstance(value, str):
        raise FormatError(f"{where} must be text, not {_shown(value)}")
    if len(value) > limit:
        raise FormatError(f"{where} is {len(value)} characters long; at most {limit} are allowed")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise FormatError(f"{where} holds half a surrogate pair, which is no character") from None
    return value


def timestamp(value: object, where: str) -> str:
    """``value`` as ISO 8601 text in UTC (a missing offset is read as UTC)."""
    result = text(value, where, 64)
    moment(result, where)
    return result


def moment(value: str, where: str) -> datetime:
    """The moment that ISO 8601 text in UTC names, without its offset, so that any two compare."""
    try:
        parsed = datetime.fromisoformat(value.removesuffix("Z"))
    except ValueError:
        raise FormatError(f"{where} must be a date and time of ISO 8601, not {value[:100]!r}") from None
    if parsed.utcoffset() not in (None, timedelta(0)):
        raise FormatError(f"{where} must be in UTC, not {value[:100]!r}")
    return parsed.replace(tzinfo=None)


def _shown(value: object) -> str:
    return "null" if value is None else type(value).__name__


class Fields:
    """A JSON object being taken apart: each field is taken once, and :meth:`end` refuses what nobody took.

    ``where`` is the object's place for messages ("" for a whole line, ``case`` within it). Every method raises
    :class:`FormatError` naming the field.
    """

    def __init__(self, value: object, where: str = "") -> None:
        if not isinstance(value, dict):
            raise FormatError(f"{where or 'this'} must be an object, not {_shown(value)}")
        self._rest: dict[str, object] = dict(value)
        self._where = where

    def __contains__(self, name: str) -> bool:
        return name in self._rest

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that nobody took yet, in the file's order."""
        return tuple(self._rest)

    def place(self, name: str) -> str:
        """The field's full name for messages."""
        return f"{self._where}.{name}" if self._where else name

    def take(self, name: str) -> object:
        """The field's raw value."""
        try:
            return self._rest.pop(name)
        except KeyError:
            raise FormatError(f"the field {self.place(name)} is missing") from None

    def text(self, name: str, limit: int = MAX_TEXT) -> str:
        """A text."""
        return text(self.take(name), self.place(name), limit)

    def choice(self, name: str, allowed: Sequence[str]) -> str:
        """One of a few words."""
        value = self.text(name)
        if value not in allowed:
            raise FormatError(f"{self.place(name)} must be one of {', '.join(allowed)}, not {value[:100]!r}")
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self.take(name)
        if not isinstance(value, bool):
            raise FormatError(f"{self.place(name)} must be true or false, not {_shown(value)}")
        return value

    def integer(self, name: str, least: int) -> int:
        """A whole number of at least ``least`` (and below 2^53, so that every JSON reader agrees on it)."""
        value = self.take(name)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**53:
            raise FormatError(f"{self.place(name)} must be a whole number of at least {least}")
        return value

    def integer_or_null(self, name: str, least: int) -> int | None:
        """The same, or null."""
        if self._rest.get(name, 0) is None:
            del self._rest[name]
            return None
        return self.integer(name, least)

    def number(self, name: str) -> float:
        """A finite number."""
        return finite(self.take(name), self.place(name))

    def timestamp(self, name: str) -> str:
        """A moment in UTC."""
        return timestamp(self.take(name), self.place(name))

    def items(self, name: str) -> list[object]:
        """A list."""
        value = self.take(name)
        if not isinstance(value, list):
            raise FormatError(f"{self.place(name)} must be a list, not {_shown(value)}")
        return value

    def numbers(self, name: str) -> tuple[float, ...]:
        """A list of finite numbers, by the million without a loop in Python."""
        values = self.items(name)
        for index, value in enumerate(values):
            if type(value) is not float and type(value) is not int:
                finite(value, f"{self.place(name)}[{index}]")
        try:
            array = np.asarray(values, dtype=np.float64)
        except OverflowError:
            raise FormatError(f"{self.place(name)} must hold finite numbers only") from None
        if not np.isfinite(array).all():
            raise FormatError(f"{self.place(name)} must hold finite numbers only")
        result: list[float] = array.tolist()
        return tuple(result)

    def child(self, name: str) -> Fields:
        """An object within this one."""
        return Fields(self.take(name), self.place(name))

    def texts(self, name: str) -> dict[str, str]:
        """An object of texts."""
        values = self._mapping(name)
        return {key: text(value, f"{self.place(name)}.{key}") for key, value in values.items()}

    def seconds(self, name: str) -> dict[str, float]:
        """An object of finite numbers."""
        values = self._mapping(name)
        return {key: finite(value, f"{self.place(name)}.{key}") for key, value in values.items()}

    def _mapping(self, name: str) -> Mapping[str, object]:
        value = self.take(name)
        if not isinstance(value, dict):
            raise FormatError(f"{self.place(name)} must be an object, not {_shown(value)}")
        for key in value:
            text(key, f"a key of {self.place(name)}", MAX_NAME)
        return value

    def end(self) -> None:
        """Refuse fields that nobody took."""
        if self._rest:
            names = ", ".join(repr(name[:100]) for name in sorted(self._rest)[:5])
            raise FormatError(f"unknown field {names}{' of ' + self._where if self._where else ''}")
