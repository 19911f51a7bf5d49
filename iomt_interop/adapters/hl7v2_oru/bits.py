"""Bit strings of IEEE 11073 in OBX-5: one repetition for each bit, ``1^name(position)`` (IHE PCD, as Continua uses it).

Which bits are listed says which the device supports. A list of all bits of a string is one of a device that does not
say; the last bit without a value only tells how long the string is, where the others do not.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final, Literal, cast

from ...model import BitSetValue
from ...terminology import mdc
from ...terminology.bits import BIT_WIDTHS, bit_text
from .codes import Code
from .ledger import Node

__all__ = ["bit_set"]

_NAMED: Final = re.compile(r"[A-Za-z][A-Za-z0-9 _.-]{0,80}\(([0-9]|[1-5][0-9]|6[0-3])\)")


def bit_set(field: Node, code: Code) -> BitSetValue | None:
    """Return the bit string of a field, ``None`` where it is none; names that are not those of its code are kept."""
    found: list[tuple[int, str, Node]] = []
    for part in field.children:
        value, name = part[1].raw, part[2].raw
        match = _NAMED.fullmatch(name)
        if match is None or value not in ("0", "1", "") or len(part.children) != 2:
            return None
        found.append((int(match[1]), value, part))
    positions = [position for position, _, _ in found]
    if any(a >= b for a, b in pairwise(positions)) or not any(v for _, v, _ in found):
        return None
    if any(not value for _, value, _ in found[:-1]):
        return None
    width = next(each for each in BIT_WIDTHS if each > positions[-1])
    if not found[-1][1] and positions[-1] != width - 1:
        return None
    number = _number(code)
    before = positions[-2] if len(positions) > 1 else -1
    needed = width != next(each for each in BIT_WIDTHS if each > before)
    for position, _, part in found:
        if part[1].raw:
            part[1].take()
        if part[2].raw == bit_text(number, position) and (part[1].raw or needed):
            part[2].take()
    bits, mask = (sum(1 << (width - 1 - p) for p, v, _ in found if v and v in wanted) for wanted in ("1", "01"))
    whole = mask == (1 << width) - 1
    return BitSetValue(width=cast("Literal[8, 16, 24, 32, 64]", width), bits=bits, mask=None if whole else mask)


def _number(code: Code) -> int | None:
    """Return the number of an MDC code."""
    return None if code.refid is None else mdc.code_of(code.refid)
