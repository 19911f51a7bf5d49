"""What the audit trail says to the person: HIPAA's accounting of disclosures, and the recipients of GDPR Article 15.

Both are read from the records alone; who is shown them by name is looked up in the register of recipients.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from .sink import AuditRecord
from .times import utc_ns, years_before

__all__ = ["EXEMPT_PURPOSES", "YEARS", "Access", "AccessReport", "Disclosure", "access_report", "accounting"]

YEARS: Final = 6
"""How far back an accounting reaches (45 CFR 164.528(a)(1))."""

EXEMPT_PURPOSES: Final[frozenset[str]] = frozenset({"TREAT", "ETREAT", "CAREMGT", "HPAYMT", "HOPERAT", "PATRQT"})
"""Purposes of v3 PurposeOfUse that 164.528(a)(1) exempts: treatment, payment, operations, to the individual."""

_GIVES: Final = frozenset({"export", "disclose"})
_READS: Final = frozenset({"read", "search", "export", "disclose", "break-glass"})


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One line of an accounting (164.528(b)(2)): date, who received it, what, and for what."""

    time: str
    recipient: str
    """Id of the recipient; of the actor where no recipient was named."""
    purpose: str | None
    kinds: tuple[str, ...]
    records: int


@dataclass(frozen=True, slots=True)
class Access:
    """Who saw the data, for what, how often, and when last."""

    actor: str
    roles: tuple[str, ...]
    purpose: str | None
    recipient: str | None
    times: int
    records: int
    first: str
    last: str
    break_glass: bool


@dataclass(frozen=True, slots=True)
class AccessReport:
    """What the trail says about one person (GDPR Article 15(1)(a) to (c))."""

    accesses: tuple[Access, ...]
    denied: int
    """How often somebody asked and was refused."""
    consents: tuple[str, ...]
    """Digests of the consents under which something was done."""
    purposes: tuple[str, ...]
    recipients: tuple[str, ...]


def accounting(
    records: Iterable[AuditRecord],
    subject: str,
    until: datetime,
    *,
    since: datetime | None = None,
    exempt: Callable[[AuditRecord], bool] | None = None,
) -> list[Disclosure]:
    """Return the disclosures of a person's data in the six years before a moment, the oldest first.

    Parameters
    ----------
    records : iterable of AuditRecord
        The trail.
    subject : str
        The person's handle.
    until : datetime
        The moment of the request, with offset; what happened then is in.
    since : datetime, optional
        A shorter period that the person asked for; a longer one is cut to six years.
    exempt : callable, optional
        Tells what need not be accounted for. By default purposes of ``EXEMPT_PURPOSES`` need not; what has no
        purpose at all must, and so must what was released over a break-glass.
    """
    skip = exempt if exempt is not None else _exempt
    earliest = years_before(until, YEARS)
    start, end = utc_ns(max(since, earliest) if since else earliest), utc_ns(until)
    found = []
    for record in records:
        if record.operation not in _GIVES or record.outcome != "success" or subject not in record.subjects:
            continue
        if start <= record.utc_ns <= end and not skip(record):
            who = record.recipient or record.actor
            found.append((record.utc_ns, Disclosure(record.time, who, record.purpose, record.kinds, record.records)))
    found.sort(key=lambda pair: pair[0])
    return [disclosure for _, disclosure in found]


def _exempt(record: AuditRecord) -> bool:
    return record.purpose in EXEMPT_PURPOSES and not record.break_glass


def access_report(records: Iterable[AuditRecord], subject: str) -> AccessReport:
    """Return who saw a person's data, for what purpose, and who received them.

    Parameters
    ----------
    records : iterable of AuditRecord
        The trail.
    subject : str
        The person's handle.
    """
    groups: dict[tuple[object, ...], list[AuditRecord]] = {}
    denied = 0
    consents: Counter[str] = Counter()
    for record in records:
        if subject not in record.subjects:
            continue
        denied += record.outcome == "denied"
        if record.outcome == "success":
            consents.update(record.consents)
            if record.operation in _READS:
                key = (record.actor, record.roles, record.purpose, record.recipient, record.break_glass)
                groups.setdefault(key, []).append(record)
    accesses = sorted((_access(group) for group in groups.values()), key=lambda a: (a.first, a.actor, a.purpose or ""))
    return AccessReport(
        accesses=tuple(accesses),
        denied=denied,
        consents=tuple(sorted(consents)),
        purposes=tuple(sorted({access.purpose for access in accesses if access.purpose})),
        recipients=tuple(sorted({access.recipient for access in accesses if access.recipient})),
    )


def _access(group: list[AuditRecord]) -> Access:
    ordered = sorted(group, key=lambda record: record.utc_ns)
    one = ordered[0]
    return Access(
        actor=one.actor,
        roles=one.roles,
        purpose=one.purpose,
        recipient=one.recipient,
        times=len(ordered),
        records=sum(record.records for record in ordered),
        first=one.time,
        last=ordered[-1].time,
        break_glass=one.break_glass,
    )
