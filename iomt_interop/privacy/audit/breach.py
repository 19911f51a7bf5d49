"""How far a breach reached, what clocks run, and drafts of what must be told: data in, text out, nobody named.

Sources: GDPR Articles 33 and 34; 45 CFR 164.402 (unsecured PHI), 164.404 (individuals), 164.406 (media) and 164.408
(Secretary). The texts are drafts with the figures of the trail; what only people know is marked to be filled in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Final

from .sink import AuditRecord
from .times import after, parse, text_of, utc_ns

__all__ = ["LARGE", "BreachScope", "Clocks", "affected", "authority_notice", "breach_scope", "clocks", "person_notice"]

LARGE: Final = 500
"""Individuals from whom on the Secretary and the media are told at once (164.406, 164.408(b))."""
_HOURS: Final = 72
_DAYS: Final = 60
_BLANK: Final = "(to be filled in)"


@dataclass(frozen=True, slots=True)
class Clocks:
    """Until when what must be told, counted from the discovery."""

    discovered: str
    authority: str
    """GDPR Article 33(1): 72 hours."""
    individuals: str
    """164.404(b): without unreasonable delay, in no case later than 60 days."""


@dataclass(frozen=True, slots=True)
class BreachScope:
    """What the trail says was touched."""

    subjects: tuple[str, ...]
    """Handles of everybody affected."""
    records: int
    events: int
    kinds: tuple[str, ...]
    first: str | None
    last: str | None
    keys_exposed: bool
    clocks: Clocks

    @property
    def large(self) -> bool:
        """Whether 500 individuals or more are affected."""
        return len(self.subjects) >= LARGE

    @property
    def unsecured(self) -> bool:
        """Whether the data count as unsecured PHI (164.402): they do when the keys are exposed too."""
        return self.keys_exposed


def clocks(discovered: str) -> Clocks:
    """Return the deadlines that run from a discovery.

    Parameters
    ----------
    discovered : str
        ISO 8601 instant with offset.
    """
    moment = parse(discovered)
    return Clocks(discovered, text_of(after(moment, hours=_HOURS)), text_of(after(moment, days=_DAYS)))


def affected(
    record: AuditRecord,
    *,
    key: str | None = None,
    store: str | None = None,
    actor: str | None = None,
    recipient: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> bool:
    """Tell whether a record is within what is known of a breach; every condition that is given must hold."""
    if key is not None and key not in record.keys:
        return False
    if store is not None and record.store != store:
        return False
    if actor is not None and record.actor != actor:
        return False
    if recipient is not None and record.recipient != recipient:
        return False
    moment = record.utc_ns
    return (since is None or moment >= utc_ns(since)) and (until is None or moment <= utc_ns(until))


def breach_scope(
    records: Iterable[AuditRecord],
    *,
    discovered: str,
    keys_exposed: bool,
    key: str | None = None,
    store: str | None = None,
    actor: str | None = None,
    recipient: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> BreachScope:
    """Return who is affected by a breach, from what the trail says.

    What was refused gave nothing away and does not count; what failed may have.

    Parameters
    ----------
    records : iterable of AuditRecord
        The trail.
    discovered : str
        When the breach was discovered, an ISO 8601 instant with offset.
    keys_exposed : bool
        Whether the keys were taken with the data. Nobody can compute that; somebody must say it.
    key, store, actor, recipient : str, optional
        The exposed key, the lost file or store, the account that was misused, the recipient that lost the data.
    since, until : datetime, optional
        The time in question, both ends in it.
    """
    subjects: set[str] = set()
    kinds: set[str] = set()
    count = events = 0
    first: AuditRecord | None = None
    last: AuditRecord | None = None
    conditions = {"key": key, "store": store, "actor": actor, "recipient": recipient}
    for record in records:
        if record.outcome == "denied" or not affected(record, since=since, until=until, **conditions):
            continue
        events += 1
        count += record.records
        subjects.update(record.subjects)
        kinds.update(record.kinds)
        first = record if first is None or record.utc_ns < first.utc_ns else first
        last = record if last is None or record.utc_ns > last.utc_ns else last
    return BreachScope(
        subjects=tuple(sorted(subjects)),
        records=count,
        events=events,
        kinds=tuple(sorted(kinds)),
        first=first.time if first else None,
        last=last.time if last else None,
        keys_exposed=keys_exposed,
        clocks=clocks(discovered),
    )


def _facts(scope: BreachScope) -> list[tuple[str, str]]:
    period = f"{scope.first} to {scope.last}" if scope.first else "none in the trail"
    return [
        ("Discovered", scope.clocks.discovered),
        ("Individuals affected", f"{len(scope.subjects)}" + (f" ({LARGE} or more)" if scope.large else "")),
        ("Records concerned", f"{scope.records} in {scope.events} operations"),
        ("Kinds of data", ", ".join(scope.kinds) or "none named in the trail"),
        ("Period of the operations", period),
        ("Encryption keys", "exposed" if scope.keys_exposed else "not exposed"),
    ]


def _unsecured(scope: BreachScope) -> str:
    if scope.unsecured:
        return (
            "The data were encrypted, but the keys are exposed as well: they count as unsecured protected health "
            "information (45 CFR 164.402), and as personal data that others can read."
        )
    return (
        "The data were encrypted and the keys are not exposed: by the guidance under 45 CFR 164.402 they are not "
        "unsecured protected health information, and a communication to the individuals may not be required "
        "(GDPR Article 34(3)(a)). This must be assessed and the assessment kept."
    )


def authority_notice(scope: BreachScope, *, controller: str, contact: str) -> str:
    """Draft the notification of the authority (GDPR Article 33(3); 164.408) as Markdown.

    Parameters
    ----------
    scope : BreachScope
        The figures.
    controller, contact : str
        Who notifies, and the data protection officer or another contact point.
    """
    due = [f"- Supervisory authority (GDPR Article 33): until {scope.clocks.authority}"]
    if scope.unsecured:
        hhs = f"until {scope.clocks.individuals}" if scope.large else "with the yearly log (fewer than 500 individuals)"
        due.append(f"- Secretary of HHS (164.408): {hhs}")
        if scope.large:
            due.append(
                "- Media (164.406), where more than 500 residents of one State or jurisdiction are affected: "
                f"until {scope.clocks.individuals}"
            )
    due.append(f"- Individuals (164.404; GDPR Article 34 without undue delay): until {scope.clocks.individuals}")
    facts = [f"| {name} | {_cell(value)} |" for name, value in _facts(scope)]
    parts = [
        "# Notification of a personal data breach (draft)",
        f"Controller: {_cell(controller)}\n\nContact: {_cell(contact)}",
        "\n".join(["| fact | value |", "| --- | --- |", *facts]),
        _unsecured(scope),
        "## Deadlines\n\n" + "\n".join(due),
        f"## Nature of the breach\n\n{_BLANK}",
        f"## Likely consequences\n\n{_BLANK}",
        f"## Measures taken or proposed\n\n{_BLANK}",
    ]
    return "\n\n".join(parts) + "\n"


def person_notice(scope: BreachScope, *, controller: str, contact: str) -> str:
    """Draft the communication to the individuals (GDPR Article 34(2); 164.404(c)) as self-contained HTML."""
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in _facts(scope)[2:5])
    if scope.keys_exposed:
        risk = "The data were encrypted, but the keys were exposed too, so that others may have read them."
    else:
        risk = "The data were encrypted and the keys were not exposed. Others most likely could not read them."
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>About a breach of your data</title></head>'
        f"<body><h1>About a breach of your data (draft)</h1><p>{escape(controller)} writes to you because data about "
        f"you may have been affected by an incident that was discovered at {escape(scope.clocks.discovered)}.</p>"
        f"<h2>What happened</h2><p>{_BLANK}</p><h2>Which data</h2><table>{rows}</table><p>{risk}</p>"
        f"<h2>What we do</h2><p>{_BLANK}</p><h2>What you can do</h2><p>{_BLANK}</p>"
        f"<h2>Whom to ask</h2><p>{escape(contact)}</p></body></html>\n"
    )


def _cell(text: str) -> str:
    """Keep a text inside its cell or line of Markdown."""
    return escape(" ".join(text.split()), quote=False).replace("|", "\\|")
