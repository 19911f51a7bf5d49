"""``iomt audit``, ``agreements``, ``devices`` and ``report``, from files to output and exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.consents import consent_json
from support.policy import POLICY
from typer.testing import CliRunner, Result

from iomt_interop.cli.app import app
from iomt_interop.cli.audit import handle_of
from iomt_interop.crypto.signing import SigningKey
from iomt_interop.privacy.audit import AuditRecord
from iomt_interop.vault.audit_log import AuditLog

RUN = CliRunner()
ME, OTHER = "0" * 31 + "1", "0" * 31 + "2"


def iomt(*args: object) -> Result:
    return RUN.invoke(app, [str(arg) for arg in args], env={"COLUMNS": "300"})


def event(time: str, **more: object) -> AuditRecord:
    values = {"operation": "read", "outcome": "success", "actor": "dr-1", "purpose": "TREAT", "records": 2}
    return AuditRecord(time=time, **({"subjects": (ME,)} | values | more))  # type: ignore[arg-type]


EVENTS = [
    event("2026-11-01T10:00:00Z"),
    event("2026-11-02T10:00:00Z", operation="disclose", purpose="HRESCH", recipient="registry", kinds=("observation",)),
    event("2026-11-03T10:00:00Z", operation="disclose", purpose="PUBHLTH", subjects=(OTHER,), keys=("kek-1",)),
    event("2026-11-04T10:00:00Z", outcome="denied", reasons=("consent-deny",), records=0),
]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    made = iomt("audit", "new-key", "hospital.example/audit", "-o", tmp_path / "key")
    assert made.exit_code == 0
    (tmp_path / "verifier").write_text(made.stdout.strip())
    with AuditLog(tmp_path / "audit.log", SigningKey.load(tmp_path / "key")) as log:
        for one in EVENTS:
            log.record(one)
    return tmp_path / "audit.log"


def test_verify(log: Path, tmp_path: Path) -> None:
    verifier = (tmp_path / "verifier").read_text()
    done = iomt("audit", "verify", log, "--verifier", verifier, "-o", tmp_path / "note", "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["events"], told["verified"], told["key_given"]) == (0, 4, True, True)
    assert told["signed_by"] == verifier
    again = iomt("audit", "verify", log, "--checkpoint", tmp_path / "note")
    assert again.exit_code == 0
    assert "events" in again.stdout
    whole = log.read_bytes()
    log.write_bytes(whole[:-5])
    torn = iomt("audit", "verify", log, "--json")
    assert (torn.exit_code, json.loads(torn.stdout)["events"]) == (1, 3)
    assert iomt("audit", "verify", log, "--checkpoint", tmp_path / "note").exit_code == 1
    log.write_bytes(whole.replace(b"dr-1", b"dr-2", 1))
    bad = iomt("audit", "verify", log, "--json")
    assert bad.exit_code == 1
    assert json.loads(bad.stdout)["error"]["code"] == "AUD-002"
    assert iomt("audit", "verify", log, "-o", log).exit_code == 2
    assert iomt("audit", "verify", log, "--verifier", "nonsense").exit_code == 2
    assert iomt("audit", "verify", tmp_path / "none").exit_code == 2


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), [0, 1, 2, 3]),
        (("--operation", "disclose"), [1, 2]),
        (("--outcome", "denied"), [3]),
        (("--handle", OTHER), [2]),
        (("--recipient", "registry"), [1]),
        (("--since", "2026-11-02T10:00:00Z", "--until", "2026-11-03T11:00:00+01:00"), [1, 2]),
        (("--actor", "nobody"), []),
    ],
)
def test_query(log: Path, options: tuple[str, ...], expected: list[int]) -> None:
    done = iomt("audit", "query", log, *options, "--json")
    assert [one["time"] for one in json.loads(done.stdout)] == [EVENTS[number].time for number in expected]
    lines = iomt("audit", "query", log, *options, "--fhir", "ward").stdout.splitlines()
    assert [json.loads(line)["recorded"] for line in lines] == [EVENTS[number].time for number in expected]


def test_query_as_a_table_and_its_refusals(log: Path) -> None:
    table = iomt("audit", "query", log).stdout
    assert "consent-deny" in table
    assert iomt("audit", "query", log, "--since", "2026-11-02").exit_code == 2
    assert iomt("audit", "query", log, "--subject", "x").exit_code == 2


def test_accounting(log: Path, tmp_path: Path) -> None:
    options = ("--handle", ME, "--until", "2026-11-24T00:00:00Z")
    (found,) = json.loads(iomt("audit", "accounting", log, *options, "--json").stdout)
    assert (found["recipient"], found["purpose"], found["records"]) == ("registry", "HRESCH", 2)
    assert "registry" in iomt("audit", "accounting", log, *options).stdout
    assert iomt("audit", "accounting", log, "--until", "2026-11-24T00:00:00Z").exit_code == 2
    key = SigningKey.load(tmp_path / "key")
    with AuditLog(log, key) as writer:
        writer.record(EVENTS[1].replace(subjects=(handle_of("p1", key),)))
    by_id = ("--subject", "p1", "--audit-key", tmp_path / "key", "--until", "2026-11-24T00:00:00Z", "--json")
    assert len(json.loads(iomt("audit", "accounting", log, *by_id).stdout)) == 1
    # Whoever types an identifier must not be told that nothing was disclosed.
    assert iomt("audit", "accounting", log, "--subject", "EX-4711", *by_id[2:]).exit_code == 2


def test_watch(log: Path, tmp_path: Path) -> None:
    quiet = iomt("audit", "watch", log, "--json")
    assert quiet.exit_code == 0
    assert json.loads(quiet.stdout)["counters"]["metrics"][0]["name"] == "iomt.audit.events"
    (tmp_path / "rules").write_text('{"denied_count": 1}')
    loud = iomt("audit", "watch", log, "--rules", tmp_path / "rules")
    assert loud.exit_code == 1
    assert "denied-burst" in loud.stdout
    (tmp_path / "rules").write_text('{"denied": 1}')
    assert iomt("audit", "watch", log, "--rules", tmp_path / "rules").exit_code == 2


def test_breach(log: Path) -> None:
    options = ("--discovered", "2026-11-24T12:00:00+01:00", "--keys-exposed", "--key", "kek-1")
    told = json.loads(iomt("audit", "breach", log, *options, "--json").stdout)
    assert (told["individuals"], told["subjects"], told["unsecured"]) == (1, [OTHER], True)
    assert told["authority_until"] == "2026-11-27T12:00:00+01:00"
    assert OTHER not in iomt("audit", "breach", log, *options).stdout
    draft = iomt("audit", "breach", log, *options, "--draft", "authority", "--controller", "Hospital").stdout
    assert "Controller: Hospital" in draft
    assert iomt("audit", "breach", log, *options, "--draft", "person").stdout.startswith("<!doctype html>")
    assert iomt("audit", "breach", log, *options, "--draft", "poem").exit_code == 2


def test_agreements(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_bytes(POLICY)
    page = iomt("agreements", "register", tmp_path / "policy.toml", "--on", "2026-05-01").stdout
    assert "dpo@hospital.example" in page
    assert "hl7v2" in page
    check = ("agreements", "check", tmp_path / "policy.toml", "--recipient", "registry", "--purpose", "HRESCH")
    good = iomt(*check, "--on", "2026-05-01", "--kind", "observation", "--json")
    assert (good.exit_code, json.loads(good.stdout)["agreement"]) == (0, "dpa-1")
    bad = iomt(*check, "--on", "2027-05-01")
    assert bad.exit_code == 1
    assert "agreement-expired" in bad.stdout
    assert iomt(*check, "--on", "tomorrow").exit_code == 2
    assert iomt("agreements", "register", tmp_path / "none", "--on", "2026-05-01").exit_code == 2


@pytest.fixture
def vault(tmp_path: Path, root: Path) -> tuple[object, ...]:
    place = ("--vault", tmp_path / "v", "--key-file", tmp_path / "k")
    done = iomt("ingest", root / "fixtures" / "hl7v2_oru" / "pcd01_30obx.hl7", *place, "--json")
    assert done.exit_code == 0, done.output
    return place


def test_due(vault: tuple[object, ...], log: Path, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_bytes(POLICY)
    due = ("agreements", "due", tmp_path / "policy.toml", *vault, "--audit-key", tmp_path / "key")
    early = iomt(*due, "--on", "2030-01-01", "--json", "--all")
    assert early.exit_code == 0
    states = {line["kind"]: line["state"] for line in json.loads(early.stdout)}
    assert (states["observation"], states["subject"]) == ("kept", "no-rule")
    late = iomt(*due, "--on", "2040-01-01")
    assert late.exit_code == 1
    assert "due" in late.stdout
    assert iomt(*due[:-2], "--on", "2040-01-01").exit_code == 2


def test_devices(vault: tuple[object, ...], tmp_path: Path) -> None:
    (device,) = json.loads(iomt("devices", *vault, "--json").stdout)["devices"]
    assert device["node"] == "mds"
    assert device["last_seen"] is not None
    table = iomt("devices", *vault)
    assert table.exit_code == 0
    (tmp_path / "csaf").write_text("{}")
    assert iomt("devices", *vault, "--advisory", tmp_path / "csaf").exit_code == 1
    assert iomt("devices", "--vault", tmp_path / "none").exit_code == 2


def test_report(vault: tuple[object, ...], log: Path, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_bytes(POLICY)
    trail = ("--audit-log", log, "--audit-key", tmp_path / "key", "--policy", tmp_path / "policy.toml")
    at = ("--at", "2026-11-24T12:00:00+01:00")
    done = iomt("report", *vault, "--identifier", "EX-000030", *trail, *at, "-o", tmp_path / "r.html", "--actor", "dpo")
    assert done.exit_code == 0, done.output
    page = (tmp_path / "r.html").read_text()
    assert "Milan Muster" in page
    assert "nobody who saw your data" in page
    last = list(AuditLog.events(log))[-1]
    assert (last.purpose, last.actor, last.operation, len(last.subjects)) == ("PATRQT", "dpo", "read", 1)
    (tmp_path / "consent").write_text(json.dumps(consent_json('{"type": "deny", "purpose": ["HRESCH"]}')))
    consent = ("--consent", tmp_path / "consent")
    iomt("report", *vault, "--identifier", "EX-000030", *trail, *at, *consent, "-o", tmp_path / "r.html")
    assert "your own request" in (tmp_path / "r.html").read_text()
    assert "You refuse the use of your data for research" in (tmp_path / "r.html").read_text()
    for wrong in (("--identifier", "nobody"), (), ("--identifier", "EX-000030", "--audit-log", log)):
        assert iomt("report", *vault, *wrong, *at).exit_code == 2
    assert iomt("report", *vault, "--identifier", "EX-000030", *trail, "-o", log).exit_code == 2
    assert iomt("report", *vault, "--identifier", "EX-000030", *trail, *at, "--actor", "two words").exit_code == 2
