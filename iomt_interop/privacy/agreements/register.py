"""The record of processing activities (GDPR Article 30), made from the policy file and the installed adapters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from html import escape

from .policy import Agreement, Policy, Purpose

__all__ = ["Activity", "Interface", "RecipientLine", "register", "register_markdown"]


@dataclass(frozen=True, slots=True)
class Interface:
    """An adapter as the register sees it: what it reads or writes, and where identifiers may be."""

    id: str
    title: str
    records: tuple[str, ...]
    phi: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecipientLine:
    """A recipient with what data go there under."""

    id: str
    name: str
    role: str
    country: str
    third_country: bool
    agreements: tuple[str, ...]
    """Those in force."""
    exempt: str | None


@dataclass(frozen=True, slots=True)
class Activity:
    """One entry of the register."""

    code: str
    description: str
    basis: str
    persons: tuple[str, ...]
    kinds: tuple[str, ...]
    identifiers: tuple[str, ...]
    """Paths of the canonical model that may hold identifiers, from the adapters' manifests."""
    interfaces: tuple[str, ...]
    recipients: tuple[RecipientLine, ...]
    retention: tuple[str, ...]
    security: str


def register(policy: Policy, interfaces: Iterable[Interface], day: date) -> list[Activity]:
    """Return the register of a day.

    Parameters
    ----------
    policy : Policy
        The policy file.
    interfaces : iterable of Interface
        The installed adapters.
    day : date
        Which agreements are in force depends on it.
    """
    known = list(interfaces)
    return [_activity(policy, purpose, known, day) for purpose in policy.purposes]


def _activity(policy: Policy, purpose: Purpose, interfaces: list[Interface], day: date) -> Activity:
    used = [face for face in interfaces if not purpose.adapters or face.id in purpose.adapters]
    used = [face for face in used if set(face.records) & set(purpose.kinds)]
    lines = [_recipient(policy, name, purpose.code, day) for name in purpose.recipients]
    return Activity(
        code=purpose.code,
        description=purpose.description,
        basis=purpose.basis,
        persons=purpose.persons,
        kinds=purpose.kinds,
        identifiers=tuple(sorted({path for face in used for path in face.phi})),
        interfaces=tuple(face.id for face in used),
        recipients=tuple(lines),
        retention=tuple(_limits(policy, purpose)),
        security=purpose.security,
    )


def _recipient(policy: Policy, name: str, purpose: str, day: date) -> RecipientLine:
    found = policy.recipient(name)
    assert found is not None  # the policy would not have been valid
    area = policy.controller.area

    def holds(agreement: Agreement) -> bool:
        return agreement.recipient == name and purpose in agreement.purposes and agreement.in_force(day)

    return RecipientLine(
        id=name,
        name=found.name,
        role=found.role,
        country=found.country,
        third_country=bool(area) and found.country not in area,
        agreements=tuple(f"{a.id} ({a.kind})" for a in policy.agreements if holds(a)),
        exempt=found.exempt if purpose in found.exempt_purposes else None,
    )


def _limits(policy: Policy, purpose: Purpose) -> list[str]:
    limits = []
    for kind in purpose.kinds:
        rules = [rule for rule in policy.retention if kind in rule.kinds]
        told = [f"{rule.years} years {rule.days} days ({rule.basis})" for rule in rules]
        limits.append(f"{kind}: {'; '.join(told) or 'no rule'}")
    return limits


def register_markdown(policy: Policy, activities: Iterable[Activity], day: date) -> str:
    """Return the register as a page of Markdown."""
    controller = policy.controller
    lines = [
        "# Record of processing activities",
        "",
        f"As of {day.isoformat()}, policy {policy.id} of {policy.issued.isoformat()}, SHA-256 {policy.digest}.",
        "",
        f"- Controller: {_plain(controller.contact.line())}",
        *(f"- Joint controller: {_plain(contact.line())}" for contact in controller.joint),
    ]
    if controller.representative is not None:
        lines.append(f"- Representative: {_plain(controller.representative.line())}")
    lines.append(f"- Data protection officer: {_plain(controller.dpo.line())}")
    for activity in activities:
        lines += ["", f"## {activity.code}: {_plain(activity.description)}", "", "| what | entry |", "| --- | --- |"]
        lines += [f"| {name} | {_plain(text)} |" for name, text in _rows(activity)]
    return "\n".join(lines) + "\n"


def _rows(activity: Activity) -> list[tuple[str, str]]:
    return [
        ("Legal basis", activity.basis),
        ("Categories of persons", ", ".join(activity.persons)),
        ("Categories of data", ", ".join(activity.kinds)),
        ("May identify", ", ".join(activity.identifiers) or "nothing that an adapter declares"),
        ("Interfaces", ", ".join(activity.interfaces) or "none"),
        ("Recipients", "; ".join(map(_told, activity.recipients)) or "none"),
        ("Third countries", ", ".join(sorted({r.country for r in activity.recipients if r.third_country})) or "none"),
        ("Erased after", ", ".join(activity.retention)),
        ("Security", activity.security),
    ]


def _told(line: RecipientLine) -> str:
    under = ", ".join(line.agreements) or line.exempt or "NO AGREEMENT IN FORCE"
    return f"{line.name} ({line.role}, {line.country}): {under}"


def _plain(text: str) -> str:
    return escape(" ".join(text.split()), quote=False).replace("|", "\\|")
