"""Decisions of the guard on a prepared session, records taken in, minimisation, and figures of an export.

usage: python benchmarks/guard.py [--quick]

Cedar is measured beside the guard where it is installed (extra ``cedar``).
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.table import Table

from iomt_interop.crypto import SecretKey
from iomt_interop.crypto.signing import SigningKey
from iomt_interop.guarded import GuardedVault, PolicySet
from iomt_interop.model import Coding, Concept, Instant, Observation, Provenance, Quantity, record_id
from iomt_interop.privacy.access import AccessPolicy, Actor, CedarProvider, Guard, Request
from iomt_interop.privacy.consent import ConsentRegistry, consent_from_fhir
from iomt_interop.privacy.minimise import Pseudonyms, built_in, figures, minimise
from iomt_interop.privacy.vocabulary import ACT_CODE, ACT_REASON, CONFIDENTIALITY
from iomt_interop.vault import KeyFile, Vault
from iomt_interop.vault.audit_log import AuditLog

AT = 1_706_788_800 * 10**9
POLICY = """
version = 1
id = "bench"
[roles.physician]
actions = ["read", "search", "export"]
purposes = ["TREAT"]
clearance = "R"
sensitivities = ["*"]
"""
TREAT = [{"system": ACT_REASON, "code": "TREAT"}]
NORMAL = [{"system": CONFIDENTIALITY, "code": "N"}]
PSY = [{"system": ACT_CODE, "code": "PSY"}]
YEAR = {"start": "2022-01-01", "end": "2022-12-31"}
DATA = [{"meaning": "instance", "reference": {"reference": f"Observation/{i}"}} for i in range(5)]
SHAPES = {
    "basic (permit, purposes)": {"type": "permit", "purpose": TREAT},
    "advanced (N, exception PSY)": {
        "type": "permit", "purpose": TREAT, "securityLabel": NORMAL,
        "provision": [{"type": "permit", "securityLabel": PSY}],
    },
    "intermediate (not in a year)": {
        "type": "permit", "purpose": TREAT, "provision": [{"type": "deny", "dataPeriod": YEAR}],
    },
    "intermediate (not these data)": {
        "type": "permit", "purpose": TREAT, "provision": [{"type": "deny", "data": DATA}],
    },
}  # fmt: skip


class Trail:
    """Takes everything; the guard's own work is measured."""

    def record(self, event: object, /) -> None:
        """Take an event."""


def best(function: Callable[[], object], loops: int) -> float:
    """Return the best processor time of one call, in seconds."""
    rounds = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(loops):
            function()
        rounds.append((time.process_time() - start) / loops)
    return min(rounds)


def consent(provision: dict[str, object]) -> dict[str, object]:
    """Return a Consent around a provision."""
    scope = {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}
    return {
        "resourceType": "Consent", "id": "c", "status": "active", "dateTime": "2022-06-13",
        "scope": {"coding": [scope]},
        "patient": {"reference": "Patient/1"}, "policy": [{"uri": "urn:policy"}], "provision": provision,
    }  # fmt: skip


def observation(number: int, *labels: Coding) -> Observation:
    """Return one observation."""
    loinc = Coding(system="http://loinc.org", code="8867-4", display="Heart rate")
    return Observation(
        id=record_id("o", number),
        provenance=Provenance(adapter="bench", version="1", digest="ab" * 32, span=(0, 100)),
        subject="alice",
        code=Concept(codings=(loinc,)),
        value=Quantity(mantissa=60 + number % 40, unit="/min"),
        status="final",
        time=Instant(value=f"2022-05-{number % 28 + 1:02d}T10:00:00Z"),
        labels=labels,
    )


def guard_of(shape: dict[str, object]) -> Guard:
    """Return a guard over one consent."""
    registry = ConsentRegistry()
    registry.put("alice", consent_from_fhir(consent(shape)))
    return Guard(AccessPolicy.from_toml(POLICY), registry, Trail(), names=lambda _: frozenset({"Patient/1"}))


def in_front_of_a_vault(records: list[Observation], row: Callable[..., None], loops: int) -> None:
    """Measure what the guard adds to reading a vault, with the consents in it and a log on the disk."""
    treating = POLICY.replace('"export"', '"export", "create", "update"')
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keys = KeyFile.create(folder / "key")
        Vault.create(folder / "v", keys=keys).close()
        log = AuditLog(folder / "log", SigningKey.generate("bench"), shared=True)
        policies = PolicySet.of([treating.encode()])
        asked = Request.of(Actor("u", roles=frozenset({"physician"})), "search", "TREAT", AT)
        with GuardedVault.open(folder / "v", policies, log, keys=keys, mode="write") as vault:
            vault.put(asked, records)
            vault.consent(asked, "alice", consent(SHAPES["basic (permit, purposes)"]))
            row("read from the vault, per record", best(lambda: list(vault._vault.records()), 1), len(records))
            row("the same behind the guard, per record", best(lambda: vault.query(asked), 1), len(records))
            session, facts = vault._guard.session(asked, "alice"), vault._guard.facts(records[0])
            assert session.decide(facts).permit
            row("decide by consents in the vault", best(lambda: session.decide(facts), loops))
        log.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    loops = 5_000 if parser.parse_args().quick else 50_000
    table = Table("measured", "time", "rate", title="The guard", title_justify="left")

    def row(name: str, seconds: float, count: int = 1) -> None:
        table.add_row(name, f"{seconds / count * 1e6:.2f} µs", f"{count / seconds:,.0f}/s")

    request = Request.of(Actor("u", roles=frozenset({"physician"})), "search", "TREAT", AT)
    record = observation(1, Coding(system=CONFIDENTIALITY, code="R"), Coding(system=ACT_CODE, code="PSY"))
    for name, shape in SHAPES.items():
        guard = guard_of(shape)
        session, facts = guard.session(request, "alice"), guard.facts(record)
        row(f"decide: {name}", best(lambda s=session, f=facts: s.decide(f), loops))
        row("  taken from the record", best(lambda s=session: s.judge(record), loops // 10))
    guard = guard_of(SHAPES["basic (permit, purposes)"])
    row("prepare a session", best(lambda: guard._prepare(request, "alice", 1), loops // 50))
    with suppress(Exception):
        cedar = CedarProvider("permit(principal, action, resource);")
        facts = guard.facts(record)
        row("Cedar, one policy", best(lambda: cedar.permits(request, facts), loops // 100))
    count = loops // 10
    records = [observation(i) for i in range(count)]
    row("release, per record", best(lambda: guard.release(request, records), 1), count)
    in_front_of_a_vault(records, row, loops)
    names = Pseudonyms(SecretKey.generate())
    policy = built_in("safe-harbor")
    row("Safe Harbor, per record", best(lambda: minimise(records, policy, pseudonyms=names, as_of=2026), 1), count)
    rows = 20 * loops
    random.seed(1)
    for sizes in ((2, 80, 100), (2, 100, 1000, 3)):
        columns = [[str(random.randrange(n)) for _ in range(rows)] for n in sizes]
        sensitive = [random.randrange(20) for _ in range(rows)]
        start = time.process_time()
        found = figures(columns, sensitive)
        row(f"k, l, t of {rows:,} rows in {found.classes:,} classes, per row", time.process_time() - start, rows)
    Console().print(table)


if __name__ == "__main__":
    main()
