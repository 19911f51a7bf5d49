"""TOML that anybody may have written: bounded in time and memory, and one error for all that is wrong with it."""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final

__all__ = ["NotTomlError", "loads"]

NotTomlError = tomllib.TOMLDecodeError

_KEY: Final = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+"""
# The parser keeps every beginning of a dotted key: 20,000 parts would take gigabytes.
_LONG_KEY: Final = re.compile(rf"(?:^|[\[{{,])[ \t]*+(?:{_KEY}\.[ \t]*+){{32}}", re.MULTILINE)
# Digits that are no power of ten are read at any length, and cannot be written again.
_LONG_NUMBER: Final = re.compile(r"0[xob][0-9A-Fa-f_]{3500}")


def loads(text: str) -> dict[str, Any]:
    """Read TOML whose keys have at most 32 parts and whose integers at most about 4,300 digits.

    Raises
    ------
    NotTomlError
        For everything else; it tells nothing of the text.
    """
    try:
        if _LONG_KEY.search(text) is None and _LONG_NUMBER.search(text) is None:
            return tomllib.loads(text)
    except (ValueError, RecursionError):
        pass
    raise NotTomlError("not TOML") from None
