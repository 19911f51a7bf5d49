"""JSON text to trees and back; a number keeps its digits (FHIR R4 section 2.6.4: ``72.50`` is not ``72.5``)."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

from ..._accel import load
from ..._accel.fhirjson_py import MAX_DEPTH, NumberText
from ...errors import LimitExceeded, MalformedInput, Span, TruncatedInput

__all__ = ["MAX_DEPTH", "NumberText", "Tree", "dumps", "parse"]

Tree = dict[str, Any]
"""A JSON object: dict, list, str, NumberText, bool, None."""

dumps = load("fhirjson").dumps

_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS: Final = re.compile(rb"[\[\]{}]")
_ESCAPE: Final = re.compile(r"\\(?:u([dD][89aAbB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|u([dD][89a-fA-F])|.)")
_OPEN: Final = frozenset((b"[", b"{"))


class _Refused(ValueError):
    """Carries a code out of the JSON scanner, and nothing of the input."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _unique(pairs: list[tuple[str, Any]]) -> Tree:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise _Refused("FHR-003")
    return tree


def _refuse(_: str) -> NoReturn:
    raise _Refused("FHR-004")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=NumberText, parse_int=NumberText, parse_constant=_refuse
)


def parse(data: bytes, *, base: int = 0, max_depth: int = 64, final: bool = True) -> Any:
    """Parse one JSON text.

    Parameters
    ----------
    data : bytes
        UTF-8; a byte order mark is skipped.
    base : int, optional
        Offset of the text in its source, for spans.
    max_depth : int, optional
        Deepest nesting.
    final : bool, optional
        Whether a text that breaks off is an end of input rather than a malformed line.

    Raises
    ------
    MalformedInput
        ``FHR-001`` not UTF-8, ``FHR-002`` not JSON, ``FHR-003`` duplicate key, ``FHR-004`` NaN or Infinity,
        ``FHR-006`` a lone surrogate.
    TruncatedInput
        ``FHR-007`` when the text ends inside a value.
    LimitExceeded
        ``FHR-005`` when it nests deeper than ``max_depth``.
    """
    span = (base, base + len(data))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = base + error.start
        raise MalformedInput("FHR-001", span=(at, at + 1), clause="RFC 8259 section 8.1") from None
    _check_depth(data, max_depth, span)
    try:
        tree, end = _DECODER.raw_decode(text, _first(text))
        if text[end:].strip(" \t\r\n"):
            raise _Refused("FHR-002")
    except _Refused as error:
        raise MalformedInput(error.code, span=span) from None
    except json.JSONDecodeError as error:
        at = base + len(text[: error.pos].encode("utf-8", "surrogatepass"))
        if final and _broken_off(text, error.pos):
            raise TruncatedInput("FHR-007", span=(at, span[1])) from None
        raise MalformedInput("FHR-002", span=(at, min(at + 1, span[1]))) from None
    except RecursionError:
        raise LimitExceeded("FHR-005", span=span) from None
    if b"\\u" in data:
        _check_surrogates(text, span)
    return tree


def _first(text: str) -> int:
    return len(text) - len(text.lstrip(" \t\r\n"))


def _broken_off(text: str, position: int) -> bool:
    """Tell whether more text could have made this JSON: the error is at the end, or in a string never closed."""
    rest = text[position:].strip()
    return not rest or (rest[0] == '"' and _STRING.match(rest.encode("utf-8", "surrogatepass")) is None)


def _check_depth(data: bytes, limit: int, span: Span) -> None:
    if data.count(b"{") + data.count(b"[") <= limit:
        return
    depth = 0
    for bracket in _BRACKETS.findall(_STRING.sub(b"", data)):
        depth += 1 if bracket in _OPEN else -1
        if depth > limit:
            raise LimitExceeded("FHR-005", span=span)


def _check_surrogates(text: str, span: Span) -> None:
    """Refuse half a character: it is no Unicode text and cannot be written again."""
    if any(match[2] is not None for match in _ESCAPE.finditer(text)):
        raise MalformedInput("FHR-006", span=span, clause="RFC 8259 section 8.2")
