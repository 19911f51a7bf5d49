"""Which versions of which records are given, and what several versions are together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final, Literal, get_args

from ..errors import InvalidRequest
from ..model import MERGED_KINDS, Merge, Record
from ..model.envelope import RecordKind
from .blocks import Header

__all__ = ["Selection", "Versions"]

Versions = Literal["merged", "latest", "all"]
"""Which versions of a record are given."""

_KINDS: Final = frozenset(get_args(RecordKind))
_VERSIONS: Final = get_args(Versions)


class Selection:
    """One pass over a vault's blocks, in their order; older versions wait here for their latest.

    Parameters
    ----------
    kinds : collection of str or None
        Kinds of records; all when it is ``None``.
    versions : {"merged", "latest", "all"}
        Which versions.

    Attributes
    ----------
    kinds : frozenset of str
        Kinds of records.

    Raises
    ------
    InvalidRequest
        ``USE-001`` for kinds or versions that there are not.
    """

    def __init__(self, kinds: Collection[str] | None, versions: Versions) -> None:
        if versions not in _VERSIONS:
            raise InvalidRequest("USE-001", path="versions", hint="one of: " + ", ".join(_VERSIONS))
        if isinstance(kinds, str):
            raise InvalidRequest("USE-001", path="kinds", hint="a collection of kinds, not a text")
        self.kinds = _KINDS if kinds is None else frozenset(kinds)
        if not self.kinds <= _KINDS:
            raise InvalidRequest("USE-001", path="kinds", hint="of: " + ", ".join(sorted(_KINDS)))
        self._versions = versions
        self._merges: dict[tuple[bytes, str, str], Merge] = {}

    def replaced(self, places: Collection[tuple[int, int]]) -> Collection[tuple[int, int]]:
        """Return those places of older versions that are not given."""
        return () if self._versions == "all" else places

    def of(
        self, header: Header, owner: bytes, block: Iterable[tuple[int, Record]], replaced: Collection[tuple[int, int]]
    ) -> Iterator[tuple[int, Record]]:
        """Yield position and record of what is chosen of a block of an owner, who may have several handles."""
        for ordinal, (position, record) in enumerate(block):
            if record.kind not in self.kinds:
                continue
            older = self._versions != "all" and (header.seq, ordinal) in replaced
            if self._versions == "merged" and record.kind in MERGED_KINDS:
                name = (owner, record.id, record.kind)
                if older:
                    self._merges.setdefault(name, Merge()).add(record)
                elif name in self._merges:
                    merge = self._merges.pop(name)
                    merge.add(record)
                    record = merge.result()  # type: ignore[assignment]  # of the class that was added
            if not older:
                yield position, record
