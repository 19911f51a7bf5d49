"""A guarded vault of a small ward: three people, one of whom refused, one record that hardly anybody may see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.consents import AT
from support.guards import Sink, observation
from support.policy import POLICY as AGREEMENTS
from support.records import make

from iomt_interop import model as m
from iomt_interop.guarded import GuardedVault, PolicySet
from iomt_interop.privacy.access import Actor, Request
from iomt_interop.vault import KeyFile, Vault

__all__ = [
    "ACCESS", "AT", "CLERK", "KEEPER", "NURSE", "PHYSICIAN", "STEWARD", "Sink", "VaultOf", "ask", "handle", "people",
    "policies",
]  # fmt: skip

ACCESS = """
version = 1
id = "ward"
implicit_consent = "permit-treatment"
zone_offset_minutes = 0

[roles.physician]
actions = ["read", "search", "export", "create", "update"]
purposes = ["TREAT"]
clearance = "R"
sensitivities = ["*"]
treats = true
unattributed = true

[roles.nurse]
actions = ["read", "search"]
purposes = ["TREAT"]
kinds = ["observation", "subject"]
treats = true

[roles.steward]
actions = ["search", "read", "export"]
purposes = ["HRESCH"]
clearance = "R"
sensitivities = ["*"]

[roles.keeper]
actions = ["keep", "delete"]
purposes = ["HOPERAT"]

[break_glass]
groups = ["physician"]
minutes = 30
clearance = "V"
reasons = ["unconscious"]
"""
PHYSICIAN = Actor("user-1", roles=frozenset({"physician"}), references=frozenset({"Practitioner/1"}))
NURSE = Actor("user-2", roles=frozenset({"nurse"}))
STEWARD = Actor("user-3", roles=frozenset({"steward"}))
KEEPER = Actor("user-4", roles=frozenset({"keeper"}))
CLERK = Actor("user-5", roles=frozenset({"clerk"}))
_PURPOSES = {"user-3": "HRESCH", "user-4": "HOPERAT"}


def handle(subject: str) -> str:
    """Return a handle by which a test knows a person again."""
    return subject.encode().hex().ljust(16, "0")


def policies(*more: bytes) -> PolicySet:
    return PolicySet.of([ACCESS.encode(), AGREEMENTS, *more])


def ask(actor: Actor, purpose: str | None = None, at: int = AT, **more: Any) -> Request:
    return Request.of(actor, more.pop("action", "search"), purpose or _PURPOSES.get(actor.id, "TREAT"), at, **more)


def person(name: str, *labels: str) -> m.Subject:
    made = make(m.Subject, identifiers=(m.Identifier(system="urn:mrn", value=f"MRN-{name}"),))
    assert isinstance(made, m.Subject)
    codings = observation(*labels).labels
    return made.replace(id=name, labels=codings)


def people() -> list[m.Record]:
    """Return what the ward holds: ann is open, bea has something very restricted, cleo is it wholly."""
    return [
        person("ann"),
        observation(subject="ann"),
        observation(subject="ann"),
        person("bea"),
        observation(subject="bea"),
        observation("V", subject="bea"),
        person("cleo", "V"),
        observation("V", subject="cleo"),
        make(m.Device, node="mds"),
    ]


class VaultOf:
    """Makes vaults in a folder and opens them."""

    def __init__(self, folder: Path) -> None:
        self.path, self.keys = folder / "ward.vault", KeyFile.create(folder / "ward.key")
        self.records = people()
        with Vault.create(self.path, keys=self.keys) as vault:
            vault.put(self.records)

    def open(self, sink: Any = None, mode: Any = "write", **more: Any) -> GuardedVault:
        more.setdefault("policies", policies())
        audit = Sink() if sink is None else sink
        return GuardedVault.open(
            self.path, more.pop("policies"), audit, keys=self.keys, mode=mode, handle=handle, **more
        )
