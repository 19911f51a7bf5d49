"""Every command that opens a vault asks the guard, where the vault is bound to one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from support.consents import consent_json
from support.policy import POLICY as AGREEMENTS
from support.ward import ACCESS

from iomt_interop.cli.app import app
from iomt_interop.cli.asked import Asked
from iomt_interop.cli.desk import open_desk
from iomt_interop.crypto.signing import SigningKey
from iomt_interop.errors import AccessDenied
from iomt_interop.facade import read
from iomt_interop.guarded import PolicySet, Terms
from iomt_interop.privacy.audit import AuditRecord
from iomt_interop.transport import VaultSink
from iomt_interop.transport.delivery import Delivery
from iomt_interop.vault import KeyFile, Vault
from iomt_interop.vault.audit_log import AuditLog
from iomt_interop.wire.hl7v2.ack import Outcome

from .test_store import SAMPLES, iomt

PHYSICIAN = {"IOMT_AS": "dr-1/physician", "IOMT_PURPOSE": "TREAT"}
KEEPER = {"IOMT_AS": "it-1/keeper", "IOMT_PURPOSE": "HOPERAT"}
CLERK = {"IOMT_AS": "clerk-1/clerk", "IOMT_PURPOSE": "TREAT"}
NAMES = ("Muster", "EX-4711", "900017", "Patient")


class Ward:
    """A bound vault of one person, its policy, its log, and who uses it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.vault, self.key = folder, folder / "v", folder / "k"
        (folder / "access.toml").write_text(ACCESS)
        (folder / "register.toml").write_bytes(AGREEMENTS)
        SigningKey.generate("hospital.example/audit").save(folder / "audit.key")
        done = iomt("ingest", SAMPLES["pcd01_monitor.hl7"], "--vault", self.vault, "--key-file", self.key)
        assert done.exit_code == 0, done.output
        with Vault.open(self.vault, keys=KeyFile(self.key)) as vault:
            [self.person] = vault.subjects()
        done = self.run("vault", "guard", self.vault, *self.policy(), env=KEEPER)
        assert done.exit_code == 0, done.output
        with AuditLog(folder / "audit.log", SigningKey.load(folder / "audit.key"), shared=True) as log:
            self.handle = log.handle(self.person)
        public = iomt("vault", "recipient", folder / "recipient").stdout.strip()
        self.public = public

    def policy(self) -> tuple[object, ...]:
        files = ("--policy", self.folder / "access.toml", "--policy", self.folder / "register.toml")
        return (*files, "--audit", self.folder / "audit.log")

    def run(self, *args: object, env: dict[str, str] | None = None, signed: bool = True) -> Any:
        who = {} if env is None else env
        more = {"IOMT_AUDIT_KEY": str(self.folder / "audit.key")} if signed else {}
        return iomt(*args, "--key-file", self.key, env={**more, **who})

    def events(self) -> list[AuditRecord]:
        return list(AuditLog.events(self.folder / "audit.log"))

    def octets(self) -> dict[str, bytes]:
        return {p.name: p.read_bytes() for p in sorted(self.folder.iterdir()) if p.name.startswith("v")}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Ward:
    """Return a ward that no test changes."""
    return Ward(tmp_path_factory.mktemp("ward"))


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    return Ward(tmp_path)


# Every command: what it is called with, who may, and how many operations it is.
Case = tuple[Callable[[Ward], tuple[object, ...]], dict[str, str], int]
OPENING: dict[tuple[str, ...], Case] = {
    ("ingest",): (lambda w: (SAMPLES["oru_lab.hl7"], "--vault", w.vault), PHYSICIAN, 1),
    ("export",): (lambda w: ("--vault", w.vault, "--to", "fhir_r4"), PHYSICIAN, 1),
    ("export", "--subject", "EX-4711"): (lambda w: ("--vault", w.vault, "--to", "fhir_r4"), PHYSICIAN, 1),
    ("devices",): (lambda w: ("--vault", w.vault), PHYSICIAN, 1),
    ("report",): (lambda w: ("--vault", w.vault, "--identifier", "EX-4711", "-o", w.folder / "page"), PHYSICIAN, 1),
    ("listen",): (lambda w: ("--mllp", "127.0.0.1:0", "--plain", "--vault", w.vault), PHYSICIAN, -1),
    ("agreements", "due"): (
        lambda w: (w.folder / "register.toml", "--vault", w.vault, "--on", "2026-11-24", "--audit-key",
                   w.folder / "audit.key"), KEEPER, 1,
    ),
    ("vault", "info"): (lambda w: (w.vault,), KEEPER, 1),
    ("vault", "verify"): (lambda w: (w.vault,), KEEPER, 1),
    ("vault", "get"): (lambda w: (w.vault, w.person), PHYSICIAN, 1),
    ("vault", "put"): (lambda w: (w.vault, _records(w)), PHYSICIAN, 1),
    ("vault", "query"): (lambda w: (w.vault, "--subject", "EX-4711"), PHYSICIAN, 1),
    ("vault", "subjects"): (lambda w: (w.vault,), PHYSICIAN, 1),
    ("vault", "rotate"): (lambda w: (w.vault, "--data-keys"), KEEPER, 1),
    ("vault", "erase"): (lambda w: (w.vault, "--subject", "EX-4711", "--yes"), KEEPER, 1),
    ("vault", "compact"): (lambda w: (w.vault,), KEEPER, 1),
    ("vault", "hold"): (lambda w: (w.vault, "--subject", "EX-4711", "--reason", "a court asks"), KEEPER, 1),
    ("vault", "holds"): (lambda w: (w.vault,), KEEPER, 1),
    ("vault", "checkpoint"): (lambda w: (w.vault, "--signing-key", w.folder / "sign", "-o", w.folder / "n"), KEEPER, 1),
    ("vault", "check"): (lambda w: (w.vault, *_note(w)), KEEPER, 1),
    ("vault", "backup"): (lambda w: (w.vault, w.folder / "copy"), KEEPER, 1),
    ("vault", "restore"): (lambda w: (w.vault, w.folder / "other"), KEEPER, 1),
    ("vault", "export"): (
        lambda w: (w.vault, "--subject", "EX-4711", "--recipient", w.public, "-o", w.folder / "sealed"), PHYSICIAN, 1,
    ),
    ("vault", "import"): (lambda w: (w.vault, _sealed(w), "--secret", w.folder / "recipient"), PHYSICIAN, 1),
    ("vault", "guard"): (lambda w: (w.vault, *w.policy()), KEEPER, 1),
    ("vault", "consent"): (lambda w: (w.vault, "--subject", "EX-4711", "--put", _consent(w)), PHYSICIAN, 1),
    ("vault", "due"): (lambda w: (w.vault, "--on", "2026-11-24"), KEEPER, 1),
}  # fmt: skip
NOT_OPENING = {
    ("adapters",), ("sniff",), ("translate",), ("doctor",), ("demo",), ("conformance",), ("new-adapter",), ("pin",),
    ("send",), ("validate",), ("agreements", "check"), ("agreements", "register"), ("vault", "public-key"),
    ("vault", "recipient"), ("vault", "create"),
}  # fmt: skip
"""Commands that open no vault; ``create`` makes one, and binds it where it is given a policy."""
GROUPS_WITHOUT_VAULTS = {"audit", "mapping"}


def _records(w: Ward) -> Path:
    records = w.folder / "records.ndjson"
    found = read(SAMPLES["oru_lab.hl7"], adapter="hl7v2_oru")
    records.write_bytes(b"".join(record.model_dump_json(exclude_none=True).encode() + b"\n" for record in found))
    return records


def _note(w: Ward) -> tuple[object, ...]:
    note, sign = w.folder / "kept.note", w.folder / "kept.sign"
    if not note.exists():
        done = w.run("vault", "checkpoint", w.vault, "--signing-key", sign, "-o", note, env=KEEPER)
        assert done.exit_code == 0, done.output
    return "--checkpoint", note, "--verifier", iomt("vault", "public-key", sign).stdout.strip()


def _sealed(w: Ward) -> Path:
    path = w.folder / "given"
    if not path.exists():
        arguments = ("--subject", "EX-4711", "--recipient", w.public, "-o", path)
        done = w.run("vault", "export", w.vault, *arguments, env=PHYSICIAN)
        assert done.exit_code == 0, done.output
    return path


def _consent(w: Ward) -> Path:
    path = w.folder / "consent.json"
    path.write_text(json.dumps(consent_json('{"type": "permit"}')))
    return path


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command of ``iomt``."""

    def walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
        if hasattr(command, "commands"):
            for name, inner in command.commands.items():
                yield from walk(inner, (*path, name))
        else:
            yield path, command

    yield from walk(typer.main.get_command(app), ())


def test_every_command_is_known_here() -> None:
    """A new command must say whether it opens a vault, and be tried below when it does."""
    found = dict(commands())
    opening = {tuple(word for word in path[:2] if not word.startswith("-")) for path in OPENING}
    known = opening | NOT_OPENING
    assert {path for path in found if path not in known and path[0] not in GROUPS_WITHOUT_VAULTS} == set()
    assert known <= found.keys()
    for path, command in found.items():
        names = {parameter.name for parameter in command.params}
        if path in opening:
            assert {"policy", "audit", "audit_key", "who", "token", "purpose", "break_glass", "reason"} <= names, path
        elif path != ("vault", "create"):
            assert "vault" not in names, path
            assert not any(getattr(p, "metavar", None) == "VAULT" for p in command.params), path


@pytest.mark.parametrize("path", OPENING, ids=" ".join)
def test_a_guarded_vault_does_not_open_without_its_guard(made: Ward, path: tuple[str, ...]) -> None:
    arguments = OPENING[path][0](made)
    before, events = made.octets(), len(made.events())
    for env, signed in (({}, False), ({}, True), (PHYSICIAN, False), ({"IOMT_AS": "dr-1/physician"}, True)):
        if path == ("agreements", "due") and not signed:
            continue  # its own option names the key
        done = made.run(*path, *arguments, env=env, signed=signed)
        assert done.exit_code in (1, 2), done.output
        assert "PRV-205" in done.stderr or "USE-001" in done.stderr, done.output
        assert done.exception is None or isinstance(done.exception, SystemExit)
        assert not any(name in done.output for name in NAMES)
    assert made.octets() == before
    assert len(made.events()) == events


@pytest.mark.parametrize("path", [p for p in OPENING if p != ("listen",)], ids=" ".join)
def test_who_may_not_gets_nothing_and_is_written_down(made: Ward, path: tuple[str, ...]) -> None:
    arguments = OPENING[path][0](made)
    before, events = made.octets(), len(made.events())
    done = made.run(*path, *arguments, env=CLERK)
    assert not any(name in done.output for name in NAMES), done.output
    for file in ("page", "sealed", "n", "copy", "other"):
        assert not (made.folder / file).exists()
    assert made.octets() == before
    new = made.events()[events:]
    assert new
    assert {(event.outcome, event.actor, event.records) for event in new} == {("denied", "clerk-1", 0)}
    assert len({event.request for event in new}) == 1


@pytest.mark.parametrize("path", [p for p in OPENING if p != ("listen",)], ids=" ".join)
def test_who_may_is_served_and_written_down_once(ward: Ward, path: tuple[str, ...]) -> None:
    make, who, operations = OPENING[path]
    arguments = make(ward)
    events = len(ward.events())
    done = ward.run(*path, *arguments, env=who)
    assert done.exit_code == 0, done.output
    new = ward.events()[events:]
    assert {event.outcome for event in new} == {"success"}
    assert len({event.request for event in new}) == operations
    assert {event.subjects for event in new} <= {(ward.handle,), ()}
    assert {event.store for event in new} == {"v"}
    AuditLog.verify(ward.folder / "audit.log")


@pytest.mark.parametrize("path", [p for p in OPENING if p != ("listen",)], ids=" ".join)
def test_without_the_audit_log_nothing_happens(
    made: Ward, monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...]
) -> None:
    make, who, _ = OPENING[path]
    arguments = make(made)
    before = made.octets()

    def fail(*_: object) -> None:
        raise OSError(28, "full")

    monkeypatch.setattr("iomt_interop.vault.audit_log._write_all", fail)
    done = made.run(*path, *arguments, env=who)
    assert done.exit_code == 1, done.output
    assert "AUD-001" in done.stderr
    assert not any(name in done.output for name in NAMES)
    assert made.octets() == before


def test_the_guard_cannot_be_turned_off_by_another_file(ward: Ward, tmp_path: Path) -> None:
    (tmp_path / "lax.toml").write_text(ACCESS.replace("[roles.keeper]", '[roles.clerk]\nactions=["search"]\n'
                                                      'purposes=["TREAT"]\ntreats=true\n[roles.keeper]'))  # fmt: skip
    lax = ("--policy", tmp_path / "lax.toml", "--policy", tmp_path / "register.toml")
    done = ward.run("vault", "query", ward.vault, *lax, env=CLERK)
    assert (done.exit_code, "PRV-205" in done.stderr, done.stdout) == (1, True, "")
    done = ward.run("vault", "query", ward.vault, "--audit", tmp_path / "elsewhere", env=PHYSICIAN)
    assert (done.exit_code, "PRV-205" in done.stderr, done.stdout) == (1, True, "")
    assert not (tmp_path / "elsewhere").exists()
    os.rename(tmp_path / "audit.log", tmp_path / "away")
    done = ward.run("vault", "query", ward.vault, env=PHYSICIAN)
    assert (done.exit_code, "AUD-001" in done.stderr, done.stdout) == (1, True, "")
    assert not (tmp_path / "audit.log").exists()
    os.rename(tmp_path / "away", tmp_path / "audit.log")
    (tmp_path / "access.toml").write_text((tmp_path / "lax.toml").read_text())
    done = ward.run("vault", "query", ward.vault, env=CLERK)
    assert (done.exit_code, "PRV-205" in done.stderr, done.stdout) == (1, True, "")


def test_the_policy_is_changed_under_the_old_one_and_turned_off_by_who_may(ward: Ward, tmp_path: Path) -> None:
    (tmp_path / "new.toml").write_text(ACCESS.replace('id = "ward"', 'id = "ward-2"'))
    change = ("vault", "guard", ward.vault, *ward.policy(), "--new-policy", tmp_path / "new.toml")
    assert ward.run(*change, env=PHYSICIAN).exit_code == 1
    assert ward.run("vault", "query", ward.vault, env=PHYSICIAN).exit_code == 0
    done = ward.run(*change, env=KEEPER)
    assert done.exit_code == 0, done.output
    assert ward.run("vault", "query", ward.vault, *ward.policy()[:4], env=PHYSICIAN).exit_code == 1
    assert ward.run("vault", "query", ward.vault, env=PHYSICIAN).exit_code == 0
    info = json.loads(ward.run("vault", "info", ward.vault, "--json", env=KEEPER).stdout)
    assert info["guarded"] is True
    assert ward.run("vault", "guard", ward.vault, "--off", env=PHYSICIAN).exit_code == 1
    assert ward.run("vault", "guard", ward.vault, "--off", env=KEEPER).exit_code == 0
    info = json.loads(ward.run("vault", "info", ward.vault, "--json").stdout)
    assert info["guarded"] is False
    assert [e.operation for e in ward.events() if e.outcome == "success"].count("policy") == 3


def test_a_vault_that_a_program_bound_is_told_where_its_files_are(ward: Ward, tmp_path: Path) -> None:
    """Terms that say no places: the files must be named, and be the right ones."""
    files = [(tmp_path / name).read_bytes() for name in ("access.toml", "register.toml")]
    verifier = str(SigningKey.load(tmp_path / "audit.key").verify_key)
    plain = tmp_path / "plain"
    with Vault.create(plain, keys=KeyFile(ward.key)) as vault:
        vault.bind(Terms(PolicySet.of(files).digests, verifier).to_json())
    info = ("vault", "info", plain)
    for named in ((), ward.policy()[:4], ward.policy()[4:]):
        done = ward.run(*info, *named, env=KEEPER)
        assert (done.exit_code, "PRV-205" in done.stderr) == (1, True), done.output
    assert ward.run(*info, *ward.policy(), env=KEEPER).exit_code == 0


def test_the_log_can_be_moved_by_who_may(ward: Ward, tmp_path: Path) -> None:
    query = ("vault", "query", ward.vault, "--subject", "EX-4711")
    move = ("vault", "guard", ward.vault, "--new-audit", tmp_path / "log2")
    assert ward.run(*move, env=PHYSICIAN).exit_code == 1
    assert ward.run(*move, env=KEEPER).exit_code == 0
    events = len(ward.events())
    assert ward.run(*query, env=PHYSICIAN).exit_code == 0
    assert len(ward.events()) == events
    [event] = AuditLog.events(tmp_path / "log2")
    assert event.operation == "search"
    assert ward.run(*query, "--audit", tmp_path / "audit.log", env=PHYSICIAN).exit_code == 1


def test_events_name_the_key_that_could_open_what_was_given(ward: Ward, tmp_path: Path) -> None:
    query = ("vault", "query", ward.vault, "--subject", "EX-4711")
    seen = []
    for _ in range(2):
        info = json.loads(ward.run("vault", "info", ward.vault, "--json", env=KEEPER).stdout)
        assert ward.run(*query, env=PHYSICIAN).exit_code == 0
        assert ward.events()[-1].keys == (info["key_id"],)
        seen.append(info["key_id"])
        new = tmp_path / "k2"
        assert ward.run("vault", "rotate", ward.vault, "--new-key-file", new, env=KEEPER).exit_code == 0
        ward.key = new
    assert len(set(seen)) == 2
    breach = ("audit", "breach", tmp_path / "audit.log", "--discovered", "2026-11-24T12:00:00Z", "--key", seen[0])
    told = json.loads(iomt(*breach, "--keys-exposed", "--json").stdout)
    assert (told["individuals"], told["subjects"], told["unsecured"]) == (1, [ward.handle], True)


def test_a_vault_is_made_bound(ward: Ward, tmp_path: Path) -> None:
    new = tmp_path / "new.vault"
    for who, code in ((PHYSICIAN, 1), (KEEPER, 0)):
        done = ward.run("vault", "create", new, *ward.policy(), env=who)
        assert done.exit_code == code, done.output
        assert new.exists() is (code == 0)
    with pytest.raises(AccessDenied):
        Vault.open(new, keys=KeyFile(ward.key))


def test_a_policy_guards_a_vault_that_is_not_bound(ward: Ward, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    assert iomt("ingest", SAMPLES["oru_lab.hl7"], "--vault", plain, "--key-file", ward.key).exit_code == 0
    query = ("vault", "query", plain, "--kind", "observation")
    whole = iomt(*query, "--key-file", ward.key).stdout
    assert whole
    assert ward.run(*query, *ward.policy(), env=PHYSICIAN).stdout == whole
    assert ward.run(*query, *ward.policy(), env=CLERK).stdout == ""
    joined = os.pathsep.join(str(path) for path in ward.policy()[1:4:2])
    env = {"IOMT_POLICY": joined, "IOMT_AUDIT": str(tmp_path / "audit.log")}
    assert ward.run(*query, env={**PHYSICIAN, **env}).stdout == whole
    assert ward.run(*query, env={**CLERK, **env}).stdout == ""
    assert ward.run(*query, *ward.policy()[:4], env=PHYSICIAN).exit_code == 2
    assert (
        iomt("export", "--vault", plain, "--key-file", ward.key, "--to", "fhir_r4", "--recipient", "registry").exit_code
        == 2
    )


def test_breaking_the_glass(ward: Ward) -> None:
    consent = ward.folder / "deny.json"
    glass = '{"type": "deny", "provision": [{"type": "permit", "purpose": ["BTG"]}]}'
    consent.write_text(json.dumps(consent_json(glass)))
    query = ("vault", "query", ward.vault, "--subject", "EX-4711")
    assert (
        ward.run("vault", "consent", ward.vault, "--subject", "EX-4711", "--put", consent, env=PHYSICIAN).exit_code == 0
    )
    assert ward.run(*query, env=PHYSICIAN).stdout == ""
    assert ward.run(*query, "--break-glass", env=PHYSICIAN).exit_code == 2
    assert ward.run(*query, "--break-glass", "--reason", "curious", env=PHYSICIAN).exit_code == 2
    assert (
        ward.run("vault", "query", ward.vault, "--break-glass", "--reason", "unconscious", env=PHYSICIAN).exit_code == 2
    )
    events = len(ward.events())
    done = ward.run(*query, "--break-glass", "--reason", "unconscious", env=PHYSICIAN)
    assert done.exit_code == 0, done.output
    assert "EX-4711" in done.stdout
    declared, seen = ward.events()[events:]
    assert (declared.operation, declared.reasons, declared.subjects) == (
        "break-glass",
        ("unconscious",),
        (ward.handle,),
    )
    assert (seen.operation, seen.purpose, seen.break_glass, seen.outcome) == ("search", "BTG", True, "success")
    done = ward.run(*query, "--break-glass", "--reason", "unconscious", env=CLERK)
    assert (done.exit_code, done.stdout) == (1, "")


def test_a_consent_is_stored_and_withdrawn(ward: Ward) -> None:
    put = ("vault", "consent", ward.vault, "--subject", "EX-4711")
    assert ward.run(*put, "--put", _consent(ward), env=PHYSICIAN).exit_code == 0
    shown = ward.run(*put, env=PHYSICIAN)
    assert json.loads(shown.stdout)["id"] == "a-consent"
    page = ward.folder / "page.html"
    report = ("report", "--vault", ward.vault, "--identifier", "EX-4711", "-o", page)
    assert ward.run(*report, env=PHYSICIAN).exit_code == 0
    assert "You permit the use of your data" in page.read_text()
    assert ward.run(*put, "--withdraw", "a-consent", env=PHYSICIAN).exit_code == 0
    deny = ward.folder / "deny.json"
    deny.write_text(json.dumps(consent_json('{"type": "deny"}')))
    assert ward.run(*put, "--put", deny, env=PHYSICIAN).exit_code == 0
    assert ward.run("vault", "query", ward.vault, env=PHYSICIAN).stdout.count('"kind":"observation"') == 0
    assert ward.run(*put, "--put", deny, "--withdraw", "x", env=PHYSICIAN).exit_code == 2


def test_what_is_due_is_erased_with_receipts_and_holds_are_respected(ward: Ward, tmp_path: Path) -> None:
    kinds = "[" + ", ".join(f'"{kind}"' for kind in _kinds(ward)) + "]"
    rule = f'\n[[retention]]\nkinds = {kinds}\nyears = 10\nbasis = "medical record"\n'
    (tmp_path / "rules.toml").write_bytes(AGREEMENTS + rule.encode())
    new = ("--new-policy", tmp_path / "access.toml", "--new-policy", tmp_path / "rules.toml")
    assert ward.run("vault", "guard", ward.vault, *ward.policy(), *new, env=KEEPER).exit_code == 0
    assert ward.run("vault", "due", ward.vault, "--on", "2027-01-01", env=KEEPER).exit_code == 0
    late = ("--on", "2040-01-01")
    found = ward.run("vault", "due", ward.vault, *late, "--json", env=KEEPER)
    assert (found.exit_code, [one["state"] for one in json.loads(found.stdout)]) == (1, ["due"])
    ward.run("vault", "hold", ward.vault, "--subject", "EX-4711", "--reason", "a court asks", env=KEEPER)
    held = ward.run("vault", "due", ward.vault, *late, "--json", env=KEEPER)
    assert (held.exit_code, [one["state"] for one in json.loads(held.stdout)]) == (0, ["held"])
    (tmp_path / "receipts").mkdir()
    erase = ("vault", "erase", ward.vault, "--due", *late, "--yes", "--receipt", tmp_path / "receipts")
    assert ward.run(*erase, env=KEEPER).exit_code == 0
    assert list((tmp_path / "receipts").iterdir()) == []
    ward.run("vault", "hold", ward.vault, "--subject", "EX-4711", "--release", env=KEEPER)
    events = len(ward.events())
    done = ward.run(*erase, "--signing-key", tmp_path / "sign", env=KEEPER)
    assert done.exit_code == 0, done.output
    [receipt] = (tmp_path / "receipts").iterdir()
    assert "erasure" in receipt.read_text()
    assert [(e.operation, e.parameters, e.subjects) for e in ward.events()[events:]] == [
        ("execute", ("due",), ()), ("erase", ("retention",), (ward.handle,)),
    ]  # fmt: skip
    assert ward.run("vault", "subjects", ward.vault, env=PHYSICIAN).stdout == ""
    assert ward.run("vault", "erase", ward.vault, "--yes", env=KEEPER).exit_code == 2


def _kinds(ward: Ward) -> list[str]:
    lines = ward.run("vault", "query", ward.vault, "--versions", "all", env=PHYSICIAN).stdout.splitlines()
    return sorted({json.loads(line)["kind"] for line in lines} - {"observation", "waveform"})


def test_a_recipient_of_the_register(ward: Ward, tmp_path: Path) -> None:
    out = tmp_path / "bundle.json"
    export = ("export", "--vault", ward.vault, "--to", "fhir_r4", "-o", out)
    steward = {"IOMT_AS": "st-1/steward", "IOMT_PURPOSE": "HRESCH"}
    refused = ward.run(*export, "--recipient", "nobody", env=steward)
    assert (refused.exit_code, "AGR-003" in refused.stderr, out.exists()) == (1, True, False)
    assert {(e.operation, e.outcome, e.recipient) for e in ward.events()[-1:]} == {("disclose", "denied", "nobody")}


def test_an_audit_log_is_rotated_while_the_vault_is_in_use(ward: Ward) -> None:
    log = ward.folder / "audit.log"
    for number in (1, 2):
        done = iomt("audit", "rotate", log, "--audit-key", ward.folder / "audit.key", "-o", ward.folder / f"n{number}")
        assert done.exit_code == 0, done.output
        assert done.stdout.strip().endswith(f"audit.log.00000{number}")
        assert ward.run("vault", "query", ward.vault, env=PHYSICIAN).exit_code == 0
    told = json.loads(iomt("audit", "verify", log, "--checkpoint", ward.folder / "n1", "--json").stdout)
    assert (told["parts"], told["events_elsewhere"]) == (3, 0)
    assert told["events"] == len(ward.events())
    (ward.folder / "audit.log.000001").unlink()
    assert iomt("audit", "verify", log).exit_code == 1
    assert iomt("audit", "verify", log, "--archived").exit_code == 0
    assert iomt("audit", "rotate", ward.folder / "none", "--audit-key", ward.folder / "audit.key").exit_code == 2


def test_what_comes_over_the_network_is_stored_behind_the_guard(ward: Ward) -> None:
    message = SAMPLES["oru_lab.hl7"].read_bytes()
    signed = {"audit_key": ward.folder / "audit.key", "purpose": "TREAT"}
    for who, outcome in (("clerk-1/clerk", "denied"), ("mllp/physician", "success")):
        events = len(ward.events())
        with open_desk(ward.vault, KeyFile(ward.key), Asked(who=who, **signed), mode="write") as desk:  # type: ignore[arg-type]
            sink = VaultSink(desk)
            if outcome == "denied":
                with pytest.raises(AccessDenied):
                    sink([Delivery(message, "")])
            else:
                assert [verdict.outcome for verdict in sink([Delivery(message, "")])] == [Outcome.ACCEPTED]
                assert sink.counts["stored"] > 0
        assert {(e.operation, e.outcome) for e in ward.events()[events:]} == {("create", outcome)}


def test_no_output_takes_the_place_of_what_the_vault_is_bound_to(ward: Ward) -> None:
    """Whoever may ask would end the log with the answer; the vault knows its files, and no option names them."""
    log = ward.folder / "audit.log"
    assert ward.run("vault", "query", ward.vault, env=PHYSICIAN).exit_code == 0
    with AuditLog(log, SigningKey.load(ward.folder / "audit.key"), shared=True) as opened:
        part = opened.rotate()
    assert ward.run("vault", "query", ward.vault, env=PHYSICIAN).exit_code == 0
    sealed = ("vault", "export", ward.vault, "--subject", "EX-4711", "--recipient", ward.public)
    commands = [
        (("vault", "query", ward.vault, "-o"), PHYSICIAN),
        (("export", "--vault", ward.vault, "--to", "fhir_r4", "-o"), PHYSICIAN),
        (("export", "--vault", ward.vault, "--to", "fhir_r4", "-o", ward.folder / "out", "--report"), PHYSICIAN),
        (("report", "--vault", ward.vault, "--identifier", "EX-4711", "-o"), PHYSICIAN),
        ((*sealed, "-o"), PHYSICIAN),
        (("vault", "checkpoint", ward.vault, "--signing-key", ward.folder / "sign", "-o"), KEEPER),
        (("vault", "erase", ward.vault, "--subject", "EX-4711", "--yes", "--receipt"), KEEPER),
    ]
    for file in (log, part, ward.folder / "access.toml", ward.folder / "register.toml"):
        before = file.read_bytes()
        for command, who in commands:
            done = ward.run(*command, file, env=who)
            assert done.exit_code == 2, done.output
            assert "would be lost" in done.stderr
            assert file.read_bytes() == before
    assert AuditLog.verify(log).events > 0


def test_no_command_tells_somebody_who_is_hidden_from_somebody_who_is_not_there(ward: Ward) -> None:
    """Totals, look-ups, exports and errors of other servers told it; here they are the same to the last octet."""
    deny = ward.folder / "deny.json"
    deny.write_text(json.dumps(consent_json('{"type": "deny"}')))
    put = ("vault", "consent", ward.vault, "--subject", "EX-4711", "--put", deny)
    assert ward.run(*put, env=PHYSICIAN).exit_code == 0
    out = ward.folder / "out"

    def told(*command: object, env: dict[str, str] = PHYSICIAN) -> tuple[object, ...]:
        done = ward.run(*command, env=env)
        left = out.read_bytes() if out.exists() else None
        out.unlink(missing_ok=True)
        return done.exit_code, done.stdout, done.stderr, left

    def ways(name: str, record: str) -> list[tuple[object, ...]]:
        glass = ("--break-glass", "--reason", "unconscious")
        return [
            told("vault", "query", ward.vault, "--subject", name),
            told("vault", "query", ward.vault, "--subject", record, "--versions", "all"),
            told("vault", "get", ward.vault, record),
            told("vault", "get", ward.vault, record, "--subject", name),
            told("vault", "export", ward.vault, "--subject", name, "--recipient", ward.public, "-o", out),
            told("vault", "consent", ward.vault, "--subject", name),
            told("report", "--vault", ward.vault, "--identifier", name, "-o", out),
            told("report", "--vault", ward.vault, "--subject", record, "-o", out),
            told("vault", "query", ward.vault, "--subject", name, *glass, env=CLERK),
            told("vault", "erase", ward.vault, "--subject", name, "--yes", env=PHYSICIAN),
            told("vault", "hold", ward.vault, "--subject", name, "--reason", "why not", env=PHYSICIAN),
            told("vault", "consent", ward.vault, "--subject", name, "--withdraw", "a-consent", env=CLERK),
        ]

    assert ways("EX-4711", ward.person) == ways("EX-0000", "nobody")
    whole = told("export", "--vault", ward.vault, "--to", "fhir_r4", "-o", out)
    assert whole[0] == 0
    assert not any(name.encode() in (whole[3] or b"") for name in ("EX-4711", "Muster"))  # type: ignore[operator]
    assert told("vault", "subjects", ward.vault)[1] == ""


def test_who_else_saw_it_is_told_to_the_person_alone(ward: Ward) -> None:
    page = ward.folder / "page.html"
    report = ("report", "--vault", ward.vault, "--identifier", "EX-4711", "-o", page)
    assert ward.run(*report, env=PHYSICIAN).exit_code == 0
    assert PHYSICIAN["IOMT_AS"].partition("/")[0] not in page.read_text()
