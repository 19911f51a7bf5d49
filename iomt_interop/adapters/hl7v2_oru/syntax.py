"""How a message is written, which offset its times have, and its digest."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256
from typing import Final

from ...wire import hl7v2
from .ledger import Syntax
from .times import decode_message

__all__ = ["digest_of", "message_syntax", "syntax_of"]

_OFFSET: Final = re.compile(r"(?:Z|[+-][0-9]{2}:[0-9]{2})\Z")


def syntax_of(parsed: hl7v2.Message, zone: str) -> Syntax:
    """Return how the message is written."""
    return message_syntax(parsed.decode(parsed.at(0).field(7).raw), _written(parsed.syntax), zone)


@lru_cache(64)
def _written(text: hl7v2.TextSyntax) -> Syntax:
    return Syntax(*text[:6], truncation=text.truncation)


def message_syntax(sent: str, plain: Syntax, zone: str) -> Syntax:
    """Add the offset of MSH-7, which holds for all times of the message (2.14.9.7), else the context's zone."""
    found = decode_message(sent, plain).value if sent else None
    stated = None if found is None else _OFFSET.search(found.value)
    return _timed(plain, "", zone) if stated is None else _timed(plain, stated[0], "")


@lru_cache(64)
def _timed(plain: Syntax, offset: str, zone: str) -> Syntax:
    return plain._replace(offset=offset, zone=zone)


def digest_of(parsed: hl7v2.Message) -> str:
    """Return the digest of the message without what carried it (frame, byte-order mark, last line end)."""
    return sha256(parsed.data[parsed.bounds(0)[0] : parsed.bounds(len(parsed) - 1)[1]]).hexdigest()
