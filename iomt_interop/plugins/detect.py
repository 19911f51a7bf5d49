"""Detection: every adapter's manifest is asked, the evidence is graded, a tie is an error and not a guess."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

from ..errors import AmbiguousFormat, UnrecognisedFormat
from .contract import Candidate, Evidence
from .manifest import FrameRule, MagicRule, Manifest, MemberRule, SniffRules
from .registry import Adapter

__all__ = ["HEAD", "choose", "sniff_bytes", "sniff_members"]

HEAD: Final = 4096
"""Octets that detection looks at."""

_GRADES: Final = {"shape": Evidence.SHAPE, "magic": Evidence.MAGIC, "verified": Evidence.VERIFIED}


def sniff_bytes(head: bytes, name: str | None, adapters: Iterable[Adapter]) -> list[Candidate]:
    """Ask every adapter that reads; return the claims, best first, equal ones by id."""
    head = head[:HEAD]
    found = []
    for adapter in adapters:
        manifest = adapter.manifest
        if manifest is None or "read" not in manifest.directions or manifest.medium == "directory":
            continue
        evidence = _grade(manifest, head, name)
        if evidence:
            found.append(Candidate(adapter.id, evidence))
    return sorted(found, key=lambda candidate: (-candidate.evidence, candidate.adapter))


def sniff_members(names: Sequence[str], head: Callable[[str], bytes], adapters: Iterable[Adapter]) -> list[Candidate]:
    """Ask every adapter that reads directories; return the claims by id.

    Parameters
    ----------
    names : sequence of str
        Paths of the files, relative to the directory, with ``/``.
    head : callable
        Gives a file's first octets; called only for files that a manifest asks about.
    """
    found = []
    for adapter in adapters:
        manifest = adapter.manifest
        if manifest is None or manifest.medium != "directory" or not manifest.sniff.member:
            continue
        if all(_member(rule, names, head) for rule in manifest.sniff.member):
            found.append(Candidate(adapter.id, Evidence.MAGIC))
    return found


def _member(rule: MemberRule, names: Sequence[str], head: Callable[[str], bytes]) -> bool:
    fitting = (name for name in names if fnmatchcase(name.lower(), rule.name.lower()))
    if rule.bytes is None:
        return any(True for _ in fitting)
    expected = bytes.fromhex(rule.bytes)
    return any(head(name).startswith(expected) for name in fitting)


def choose(candidates: list[Candidate]) -> Candidate:
    """Return the one best candidate.

    Raises
    ------
    UnrecognisedFormat
        ``SRC-002`` when there is none.
    AmbiguousFormat
        ``SRC-003`` when several are equally good.
    """
    if not candidates:
        raise UnrecognisedFormat("SRC-002", hint="name an adapter, or see `iomt adapters`")
    best = [c for c in candidates if c.evidence == candidates[0].evidence]
    if len(best) > 1:
        raise AmbiguousFormat("SRC-003", hint=", ".join(c.adapter for c in best))
    return best[0]


def _grade(manifest: Manifest, head: bytes, name: str | None) -> Evidence:
    rules: SniffRules = manifest.sniff
    evidence = Evidence.NO
    if name is not None and any(fnmatchcase(name.lower(), glob) for glob in rules.name):
        evidence = Evidence.NAME
    for pattern in rules.pattern:
        if _compiled(pattern.regex).match(head[: pattern.within]):
            evidence = max(evidence, _GRADES[pattern.evidence])
    if any(_magic(rule, head) for rule in rules.magic):
        evidence = max(evidence, Evidence.MAGIC)
    if any(_frames(rule, head) for rule in rules.frames):
        evidence = Evidence.VERIFIED
    return evidence


@lru_cache(maxsize=512)
def _compiled(regex: str) -> re.Pattern[bytes]:
    return re.compile(regex.encode("latin-1"), re.DOTALL)


def _magic(rule: MagicRule, head: bytes) -> bool:
    expected = bytes.fromhex(rule.bytes)
    found = head[rule.offset : rule.offset + len(expected)]
    if rule.mask is None:
        return found == expected
    mask = bytes.fromhex(rule.mask)
    return len(found) == len(expected) and all((a ^ b) & m == 0 for a, b, m in zip(found, expected, mask, strict=False))


def _frames(rule: FrameRule, head: bytes) -> bool:
    """Walk whole frames; the last may be cut off by the end of the head, but its tag must fit."""
    tags = tuple(bytes.fromhex(tag) for tag in rule.tags)
    position = whole = 0
    while position < len(head):
        if not head[position:].startswith(tags):
            return False
        at = position + rule.length_offset
        if at + rule.length_size > len(head):
            break
        position += rule.header + int.from_bytes(head[at : at + rule.length_size], rule.byteorder)
        whole += position <= len(head)
    return whole > 0
