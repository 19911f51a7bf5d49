"""Consents in the vault: the same for every process, effective at the next look, erased with the person."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.consents import consent_json
from support.ward import KEEPER, PHYSICIAN, STEWARD, Sink, VaultOf, ask

from iomt_interop import model as m
from iomt_interop.errors import InvalidRequest, MalformedInput
from iomt_interop.guarded import CONSENTS, VaultConsents
from iomt_interop.guarded.consents import INTERVAL
from iomt_interop.privacy.consent import ConsentStore

PERMIT = consent_json('{"type": "permit", "purpose": ["HRESCH"]}')
OTHER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from support.ward import PHYSICIAN, Sink, ask, handle, policies
from iomt_interop.guarded import GuardedVault
from iomt_interop.vault import KeyFile
folder = Path(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
with GuardedVault.open(folder / "ward.vault", policies(), Sink(), keys=KeyFile(folder / "ward.key"), mode="write",
                       handle=handle) as vault:
    vault.withdraw(ask(PHYSICIAN), "ann", "a-consent")
print("withdrawn", flush=True)
"""


@pytest.fixture
def ward(tmp_path: Path) -> VaultOf:
    made = VaultOf(tmp_path)
    with made.open() as vault:
        vault.consent(ask(PHYSICIAN), "ann", PERMIT)
    return made


def seen(vault: object) -> int:
    return int(vault.query(ask(STEWARD), kinds={"observation"}).total)  # type: ignore[attr-defined]


def test_what_one_process_withdraws_holds_in_another_within_a_second(ward: VaultOf, tmp_path: Path, root: Path) -> None:
    command = [sys.executable, "-c", OTHER, str(root / "tests"), str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        with ward.open(mode="read") as vault:
            assert seen(vault) == 2
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "withdrawn\n"
            withdrawn = time.monotonic()
            while seen(vault):
                assert time.monotonic() - withdrawn < 1
            assert seen(vault) == 0


def test_an_open_session_sees_it_too(ward: VaultOf) -> None:
    with ward.open(mode="read") as reader, ward.open() as writer:
        guard = reader._guard
        record = next(r for r in ward.records if r.subject == "ann")
        session = guard.session(ask(STEWARD), "ann")
        assert session.judge(record)[1].permit
        writer.withdraw(ask(PHYSICIAN), "ann", "a-consent")
        until = time.monotonic() + 1
        while session.judge(record)[1].permit:
            assert time.monotonic() < until
        assert session.judge(record)[1] == (False, "consent-withdrawn")
        writer.consent(ask(PHYSICIAN), "ann", PERMIT)
        until = time.monotonic() + 1
        while not session.judge(record)[1].permit:
            assert time.monotonic() < until


def test_every_state_is_kept_and_the_same_state_can_come_back(ward: VaultOf) -> None:
    both = consent_json('{"type": "permit", "purpose": ["HRESCH", "TREAT"]}')
    with ward.open() as vault:
        vault.consent(ask(PHYSICIAN), "ann", both)
        vault.withdraw(ask(PHYSICIAN), "ann", "a-consent")
        vault.consent(ask(PHYSICIAN), "ann", both)
        versions = vault.consents(ask(PHYSICIAN), "ann")
        assert len(versions) == 4
        states = [json.loads(v.data.split(b"\n", 1)[1])[1][0]["status"] for v in versions if isinstance(v, m.Document)]  # type: ignore[union-attr]
        assert states == ["active", "active", "inactive", "active"]
        assert seen(vault) == 2


def test_it_is_sealed_and_goes_with_the_person(ward: VaultOf) -> None:
    assert b"a-consent" not in ward.path.read_bytes()
    with ward.open() as vault:
        vault.erase(ask(KEEPER), "ann", at="2026-11-24T08:00:00Z")
        assert vault._consents.consents("ann") == ()
        assert isinstance(vault._consents, ConsentStore)


def test_a_record_from_elsewhere_is_no_consent(ward: VaultOf, tmp_path: Path) -> None:
    """Somebody's own file could hold a document of the same name: it permits nothing and takes nothing away."""
    (tmp_path / "b").mkdir()
    foreign = VaultOf(tmp_path / "b")
    with foreign.open() as vault:
        vault.consent(ask(PHYSICIAN), "bea", PERMIT)
        vault.consent(ask(PHYSICIAN), "ann", consent_json('{"type": "deny"}'))
        documents = list(vault._vault.records(kinds={"document"}))
    assert len(documents) == 2
    with ward.open() as vault:
        vault.receive(ask(PHYSICIAN), documents)
        assert vault._consents.consents("bea") == ()
        assert seen(vault) == 2
        mine = next(r for r in vault._vault.records("ann", {"document"}, versions="all"))
        assert isinstance(mine, m.Document)
        vault.put(ask(PHYSICIAN), [mine.replace(subject="bea", id=m.record_id("document", "consents", "bea"))])
        assert vault._consents.consents("bea") == ()


def test_what_is_no_consent_is_refused(ward: VaultOf) -> None:
    with ward.open() as vault:
        for wrong in (b"{}", b"nonsense"):
            with pytest.raises(MalformedInput):
                vault.consent(ask(PHYSICIAN), "ann", wrong)
        with pytest.raises(InvalidRequest):
            vault.consent(ask(PHYSICIAN), "ann", {**PERMIT, "id": None})
        with pytest.raises(InvalidRequest):
            vault.withdraw(ask(PHYSICIAN), "ann", "another")


def test_a_look_costs_nothing_until_something_was_stored(ward: VaultOf) -> None:
    with ward.open() as vault:
        store = VaultConsents(vault._vault, interval=0)
        first = store.epoch("ann")
        assert store.epoch("ann") == first
        vault.put(ask(PHYSICIAN), [r.replace(id=m.record_id("x")) for r in ward.records if r.kind == "observation"][:1])
        assert store.epoch("ann") == first
        vault.withdraw(ask(PHYSICIAN), "ann", "a-consent")
        assert store.epoch("ann") != first
        assert store.epoch("bea") not in (store.epoch("ann"), first)
        assert repr(store) == "VaultConsents()"
        assert CONSENTS.codings[0].code == "consents"
    assert Sink().events == []


def test_who_cannot_see_what_others_write_is_not_served(ward: VaultOf, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is read as it was, since its reader may write nothing: a withdrawal in it would go unnoticed."""
    connection = sqlite3.connect(ward.path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda _path, right, **_: right == os.R_OK)
        reader = ward.open(mode="read")
    with reader:
        assert seen(reader) == 2
        with ward.open() as writer:
            writer.withdraw(ask(PHYSICIAN), "ann", "a-consent")
            time.sleep(INTERVAL)
            with pytest.raises(InvalidRequest) as caught:
                seen(reader)
    assert caught.value.code == "USE-002"
    with ward.open(mode="read") as again:
        assert seen(again) == 0
