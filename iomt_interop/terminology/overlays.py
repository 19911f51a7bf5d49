"""Tables that the user brings: an RTMMS export, the LOINC-IEEE mapping file of a LOINC release.

Both loaders are pure functions of text. What they return is immutable, adds to the built-in tables and never
changes them: a built-in answer comes first.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from ..errors import LimitExceeded, MalformedInput
from . import loinc, mdc, units

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["LoincOverlay", "MdcOverlay", "load_loinc_ieee", "load_rtmms"]

_MAX_ROWS: Final = 200_000
_REFID: Final = re.compile(r"MDCX?_[A-Z0-9_]{1,120}#?")
_LOINC: Final = re.compile(r"[0-9]{1,7}-[0-9]")

# Column -> headings (letters and digits only, lower case) that exports use for it.
_RTMMS_COLUMNS: Final[dict[str, frozenset[str]]] = {
    "refid": frozenset({"refid", "referenceid", "reference", "mdcrefid"}),
    "code": frozenset({"cfcode10", "cfcode", "contextfreecode", "code10cf", "cfucode10"}),
    "ucum": frozenset({"ucum", "uomucum", "ucumunits", "ucumcode"}),
}
_LOINC_COLUMNS: Final[dict[str, frozenset[str]]] = {
    "loinc": frozenset({"loincnum"}),
    "code": frozenset({"ieeecfcode10"}),
    "refid": frozenset({"ieeerefid"}),
    "equivalence": frozenset({"equivalence"}),
}


@dataclass(frozen=True, slots=True, repr=False)
class MdcOverlay:
    """Codes, reference ids and units of an RTMMS export.

    Parameters
    ----------
    refids : mapping of int to tuple of str
        Context-free code to reference ids.
    codes : mapping of str to tuple of int
        Reference id to context-free codes.
    ucum : mapping of int to tuple of str
        Unit code to UCUM expressions that this library can read.
    skipped : int
        Rows without a usable reference id and code (partition 0 among them).
    conflicts : tuple of int
        Codes to which the built-in table gives other reference ids.
    """

    refids: Mapping[int, tuple[str, ...]]
    codes: Mapping[str, tuple[int, ...]]
    ucum: Mapping[int, tuple[str, ...]]
    skipped: int
    conflicts: tuple[int, ...]

    def __repr__(self) -> str:
        return f"MdcOverlay({len(self.refids)} codes, {len(self.ucum)} units, {self.skipped} skipped)"

    def refid_of(self, code: int) -> str | None:
        """Return the built-in reference id of a code, else the export's first.

        Parameters
        ----------
        code : int
            A 32-bit code.

        Returns
        -------
        str or None
            None when neither knows it.
        """
        return mdc.refid_of(code) or next(iter(self.refids.get(code, ())), None)

    def code_of(self, refid: str) -> int | None:
        """Return the built-in code of a reference id, else the export's when it is the only one.

        Parameters
        ----------
        refid : str
            A reference id.

        Returns
        -------
        int or None
            None when neither knows it, or the export has several.
        """
        known = mdc.code_of(refid)
        if known is not None:
            return known
        own = self.codes.get(refid, ())
        return own[0] if len(own) == 1 else None

    def ucum_of(self, code: int) -> str | None:
        """Return the built-in UCUM expression of a unit code, else the export's when it is the only one.

        Parameters
        ----------
        code : int
            A 32-bit code.

        Returns
        -------
        str or None
            None when it is not certain.
        """
        unit = units.unit_of(code)
        if unit is not None and (unit.readings or not unit.derived):
            return unit.ucum
        own = self.ucum.get(code, ())
        if len(own) == 1:
            return own[0]
        return unit.ucum if unit is not None else None


@dataclass(frozen=True, slots=True, repr=False)
class LoincOverlay:
    """Pairs of the LOINC-IEEE mapping file.

    Parameters
    ----------
    by_mdc : mapping of int to tuple of (str, str)
        Context-free code to LOINC codes, each with the file's statement of equivalence.
    by_loinc : mapping of str to tuple of (int, str)
        LOINC code to context-free codes, likewise.
    skipped : int
        Rows without a usable pair.
    """

    by_mdc: Mapping[int, tuple[tuple[str, str], ...]]
    by_loinc: Mapping[str, tuple[tuple[int, str], ...]]
    skipped: int

    def __repr__(self) -> str:
        return f"LoincOverlay({len(self.by_mdc)} MDC codes, {len(self.by_loinc)} LOINC codes, {self.skipped} skipped)"

    def loinc_of(self, mdc_code: int) -> tuple[str, ...]:
        """Return the LOINC codes of an MDC code, the built-in ones first.

        Parameters
        ----------
        mdc_code : int
            A 32-bit code.

        Returns
        -------
        tuple of str
            Empty when neither has one.
        """
        own = (code for code, _ in self.by_mdc.get(mdc_code, ()))
        return tuple(dict.fromkeys((*loinc.loinc_of(mdc_code), *own)))

    def mdc_of(self, code: str) -> int | None:
        """Return the MDC code of a LOINC code: the built-in one, else the file's when it is the only one.

        Parameters
        ----------
        code : str
            A LOINC code.

        Returns
        -------
        int or None
            None when it is not certain.
        """
        known = loinc.mdc_of(code)
        own = self.by_loinc.get(code, ())
        return known if known is not None else own[0][0] if len(own) == 1 else None


def load_rtmms(text: str) -> MdcOverlay:
    """Read an RTMMS export (Rosetta or units table saved as comma-, semicolon- or tab-separated text).

    Parameters
    ----------
    text : str
        The whole table, its first line the heading. Reference id and context-free code are required columns
        (``REFID``, ``CF_CODE10``); ``UCUM`` is optional, its alternatives separated by blanks or ``|``.

    Returns
    -------
    MdcOverlay
        What the rows say.

    Raises
    ------
    MalformedInput
        ``TRM-001``: there is no such heading, or the text is no table.
    LimitExceeded
        ``TRM-002``: there are more rows than any nomenclature has.
    """
    refids: dict[int, tuple[str, ...]] = {}
    codes: dict[str, tuple[int, ...]] = {}
    ucum: dict[int, tuple[str, ...]] = {}
    skipped = 0
    for row in _rows(text, _RTMMS_COLUMNS, {"refid", "code"}):
        refid, code = row["refid"], _code(row["code"])
        if code is None or not _REFID.fullmatch(refid):
            skipped += 1
            continue
        refids[code] = tuple(dict.fromkeys((*refids.get(code, ()), refid)))
        codes[refid] = tuple(dict.fromkeys((*codes.get(refid, ()), code)))
        stated = [part for part in re.split(r"[|\s]+", row.get("ucum", "")) if part and units.is_valid_ucum(part)]
        if stated:
            ucum[code] = tuple(dict.fromkeys((*ucum.get(code, ()), *stated)))
    conflicts = tuple(
        sorted(code for code, own in refids.items() if mdc.refids_of(code) and not set(own) & set(mdc.refids_of(code)))
    )
    return MdcOverlay(MappingProxyType(refids), MappingProxyType(codes), MappingProxyType(ucum), skipped, conflicts)


def load_loinc_ieee(text: str) -> LoincOverlay:
    """Read ``LoincIeeeMedicalDeviceCodeMappingTable.csv`` of a LOINC release.

    Parameters
    ----------
    text : str
        The whole file.

    Returns
    -------
    LoincOverlay
        The pairs, with the file's statement of equivalence.

    Raises
    ------
    MalformedInput
        ``TRM-001``: there is no such heading, or the text is no table.
    LimitExceeded
        ``TRM-002``: there are more rows than any mapping has.
    """
    by_mdc: dict[int, tuple[tuple[str, str], ...]] = {}
    by_loinc: dict[str, tuple[tuple[int, str], ...]] = {}
    skipped = 0
    for row in _rows(text, _LOINC_COLUMNS, {"loinc", "code"}):
        code, number = _code(row["code"]), row["loinc"]
        if code is None or not _LOINC.fullmatch(number):
            skipped += 1
            continue
        equivalence = row.get("equivalence", "")
        by_mdc[code] = (*by_mdc.get(code, ()), (number, equivalence))
        by_loinc[number] = (*by_loinc.get(number, ()), (code, equivalence))
    return LoincOverlay(MappingProxyType(by_mdc), MappingProxyType(by_loinc), skipped)


def _rows(text: str, columns: dict[str, frozenset[str]], required: set[str]) -> Iterator[dict[str, str]]:
    """Yield each row as column name -> stripped cell; cells that a short row lacks are empty."""
    heading = text[:4096].split("\n", 1)[0]
    delimiter = max(",;\t", key=heading.count)
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=delimiter)
    places: dict[str, int] = {}
    try:
        for count, cells in enumerate(reader):
            if count > _MAX_ROWS:
                raise LimitExceeded("TRM-002", path="row")
            if count:
                yield {name: cells[at].strip() if at < len(cells) else "" for name, at in places.items()}
                continue
            names = [re.sub(r"[^a-z0-9]", "", cell.casefold()) for cell in cells]
            places = {
                column: next(at for at, name in enumerate(names) if name in known)
                for column, known in columns.items()
                if known & set(names)
            }
            if not required <= set(places):
                raise MalformedInput("TRM-001", path="heading")
    except csv.Error:
        raise MalformedInput("TRM-001", path="row") from None
    if not places:
        raise MalformedInput("TRM-001", path="heading")


def _code(text: str) -> int | None:
    """Read a context-free code; None unless it is a 32-bit number with a partition."""
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return None
    code = int(text)
    return code if 0x10000 <= code < 1 << 32 else None
