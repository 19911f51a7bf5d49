"""Which structure a message has: MSH-9.3, else by its event (HL7 table 0354)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from ..message import Message
from .definitions import KNOWN, Definitions, definitions, nearest_version

if TYPE_CHECKING:
    from .grammar import GroupRule

__all__ = ["Resolution", "resolve", "structure_of_event"]

# Structure, then its events; a range is of the same letter. Events that are not here have a structure of their own.
_TABLE_0354: Final = """
ADT_A01 A01 A04 A08 A13|ADT_A05 A05 A14 A28 A31|ADT_A06 A06 A07|ADT_A09 A09-A11|ADT_A21 A21-A23 A25-A27 A29 A32 A33
ADT_A30 A30 A34-A36 A46-A49|ADT_A39 A39-A42|ADT_A43 A43 A44|ADT_A50 A50 A51|ADT_A52 A52 A53|ADT_A54 A54 A55
ADT_A61 A61 A62|BAR_P02 P02|CRM_C01 C01-C08|CSU_C09 C09-C12|LSU_U12 U12 U13|MDM_T01 T01 T03 T05 T07 T09 T11
MDM_T02 T02 T04 T06 T08 T10|PEX_P07 P07 P08|PGL_PC6 PC6-PC8|PMU_B01 B01 B02|PMU_B04 B04-B06|PPG_PCG PCG-PCJ
PPP_PCB PCB-PCD|PPR_PC1 PC1-PC3|QBP_Q21 Q21-Q25|QBP_Q11 Q11|QCN_J01 J01 J02|QRY_Q01 Q01 Q26-Q30
RDE_O11 O11 O25|REF_I12 I12-I15|RPA_I08 I08-I11|RQA_I08 I08-I11|RRI_I12 I12-I15|RQI_I01 I01-I03 I07|RPI_I01 I01
RRE_O12 O12 O26|RSP_K23 K23 K24|RSP_K11 K11|SIU_S12 S12-S24 S26 S27|SRM_S01 S01-S11|SRR_S01 S01-S11|TCU_U10 U10 U11
MFK_M01 M01-M15|MFQ_M01 M01-M15|ORU_R01 R01|ORM_O01 O01|OML_O21 O21|OMG_O19 O19|VXU_V04 V04|DFT_P03 P03|RGV_O15 O15
RAS_O17 O17|RDS_O13 O13|BAR_P01 P01|ORR_O02 O02|ORL_O22 O22|ORG_O20 O20|MFN_M01 M01|SQR_S25 S25|RSP_K21 K21
"""

_TYPE: Final = re.compile(r"[A-Z][A-Z0-9]{2}")
_NAME: Final = re.compile(r"[A-Z][A-Z0-9]{2}(?:_[A-Z][A-Za-z0-9]{2})?")


def _expand() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in _TABLE_0354.replace("\n", "|").strip("|").split("|"):
        structure, *events = row.split()
        for event in events:
            first, _, last = event.partition("-")
            steps = _between(first, last) if last else [first]
            for step in steps:
                found.setdefault(structure[:3], {})[step] = structure
    return found


def _between(first: str, last: str) -> list[str]:
    if first[1].isdigit():
        return [f"{first[0]}{number:02}" for number in range(int(first[1:]), int(last[1:]) + 1)]
    return [first[:2] + chr(code) for code in range(ord(first[2]), ord(last[2]) + 1)]


_STRUCTURES: Final = _expand()


class Resolution(NamedTuple):
    """What a message was read by.

    Parameters
    ----------
    name : str
        The structure; empty for none.
    rule : GroupRule or None
        Its grammar.
    definitions : Definitions
        The tables of the message's version.
    version : str
        The version that the grammar is of; another one than the message's where that has no such structure.
    doubt : str or None
        A code of :data:`iomt_interop.errors.CODES`.
    """

    name: str
    rule: GroupRule | None
    definitions: Definitions
    version: str
    doubt: str | None


def structure_of_event(message_type: str, event: str) -> str | None:
    """Return the structure that table 0354 gives to an event.

    Examples
    --------
    >>> from iomt_interop.wire.hl7v2.structure import structure_of_event
    >>> structure_of_event("ADT", "A08"), structure_of_event("SIU", "S14"), structure_of_event("ORU", "Z99")
    ('ADT_A01', 'SIU_S12', None)
    """
    return _STRUCTURES.get(message_type, {}).get(event)


def resolve(message: Message) -> Resolution:
    """Say by which structure and which version a message is read.

    MSH-9.3 decides where it names a structure of the message's version. Else the event does: before version 2.3.1,
    which brought the table, by the structure of its own name, from there on by table 0354. So ``ADT^A04^ADT_A04``,
    which has no structure of its own since, is read as ADT_A01. Else MSH-9.3 by another version, else the first
    structure of the message type.
    """
    header = message.segment("MSH")
    kind = [] if header is None else [part.text.strip() for part in header.field(9)[1]][:3]
    message_type, event, stated = (*kind, "", "", "")[:3]
    version = "" if header is None else header.field(12)[1][1].text
    tables = definitions(nearest_version(version))
    of_event = structure_of_event(message_type, event)
    by_event = of_event is not None and tables.structure(of_event) is not None
    if stated and (found := _find(stated, tables)) and (found[3] is None or not by_event):
        return Resolution(stated, *found)
    doubt = "HL7-306" if stated else None
    if not _TYPE.fullmatch(message_type):
        return Resolution("", None, tables, tables.version, "HL7-305")
    for name in _candidates(message_type, event, tables):
        if found := _find(name, tables):
            rule, _, other, foreign = found
            return Resolution(name, rule, tables, other, doubt or foreign)
    return Resolution("", None, tables, tables.version, "HL7-305")


def _candidates(message_type: str, event: str, tables: Definitions) -> list[str]:
    """Return names of structures, the best one first."""
    own = f"{message_type}_{event}"
    by_table = structure_of_event(message_type, event)
    by_own_name_first = KNOWN.index(tables.version) < KNOWN.index("2.3.1")
    names = [own] if by_table is None else [own, by_table] if by_own_name_first else [by_table, own]
    here = [name for name in names if tables.structure(name)]
    first = next(iter(_STRUCTURES.get(message_type, {}).values()), message_type)
    return [*here, *names, message_type, first] if not event or message_type == "ACK" else [*here, *names, message_type]


def _find(name: str, tables: Definitions) -> tuple[GroupRule, Definitions, str, str | None] | None:
    """Look for a structure in a version, then in newer ones, then in older ones."""
    if not _NAME.fullmatch(name):
        return None
    position = KNOWN.index(tables.version)
    for version in (tables.version, *KNOWN[position + 1 :], *reversed(KNOWN[:position])):
        if rule := definitions(version).structure(name):
            return rule, tables, version, None if version == tables.version else "HL7-307"
    return None
