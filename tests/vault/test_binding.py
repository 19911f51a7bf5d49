"""A vault that is bound opens through the guard alone, and nobody without the key can take that away."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from support.guards import observation
from support.places import Places
from support.ward import PHYSICIAN, Sink, ask, policies

from iomt_interop.errors import AccessDenied, SecurityError, StoreDamaged
from iomt_interop.guarded import GuardedVault, Terms, forget_terms
from iomt_interop.vault import KeyFile, Vault


@pytest.fixture
def bound(tmp_path: Path) -> Path:
    keys = KeyFile.create(tmp_path / "key")
    with Vault.create(tmp_path / "v", keys=keys) as vault:
        vault.put([observation()])
        assert vault.terms() is None
        vault.bind(Terms(policies().digests, "none", {"audit": "/var/log/secret"}).to_json())
    return tmp_path / "v"


def keys_of(path: Path) -> KeyFile:
    return KeyFile(path.parent / "key")


class Log(Sink):
    """A log whose key is the one that the vault is bound to."""

    verify_key = "none"


def test_it_opens_through_the_guard_alone(bound: Path) -> None:
    for mode in ("read", "write"):
        with pytest.raises(AccessDenied) as caught:
            Vault.open(bound, keys=keys_of(bound), mode=mode)  # type: ignore[arg-type]
        assert caught.value.code == "PRV-205"
    with GuardedVault.open(bound, policies(), Log(), keys=keys_of(bound)) as vault:
        assert vault.query(ask(PHYSICIAN), "alice").total == 1
    terms = GuardedVault.terms(bound, keys=keys_of(bound))
    assert terms is not None
    assert terms.places == {"audit": "/var/log/secret"}
    assert b"/var/log/secret" not in bound.read_bytes()


def test_other_policies_and_another_log_are_refused(bound: Path) -> None:
    other = Log()
    other.verify_key = "another"
    more = policies(b'version = 1\nid = "x"\ntitle = "x"\npurposes = ["TREAT"]\nbase = "safe-harbor"\n')
    for wrong in ((policies(), other), (policies(), Sink()), (more, Log())):
        with pytest.raises(AccessDenied) as caught:
            GuardedVault.open(bound, *wrong, keys=keys_of(bound))
        assert caught.value.code == "PRV-205"


CHANGES = (
    "DELETE FROM meta WHERE name = 'guard'",
    "UPDATE meta SET value = x'' WHERE name = 'guard'",
    "UPDATE meta SET value = x'00' || value WHERE name = 'guard'",
)


@pytest.mark.parametrize("change", CHANGES)
def test_the_terms_cannot_be_taken_away_without_the_key(bound: Path, change: str) -> None:
    connection = sqlite3.connect(bound)
    with connection:
        assert connection.execute(change).rowcount == 1
    connection.close()
    with pytest.raises(SecurityError) as caught:
        Vault.open(bound, keys=keys_of(bound))
    assert isinstance(caught.value, StoreDamaged)


def test_copies_and_rotations_stay_bound(bound: Path, tmp_path: Path) -> None:
    second = KeyFile.create(tmp_path / "key2")
    with GuardedVault.open(bound, policies(), Log(), keys=keys_of(bound), mode="write") as vault:
        vault._vault.backup(tmp_path / "copy")
        vault._vault.rotate(second)
        vault._vault.put([observation()])
    for path, keys in ((tmp_path / "copy", keys_of(bound)), (bound, second)):
        with pytest.raises(AccessDenied):
            Vault.open(path, keys=keys)
        with GuardedVault.open(path, policies(), Log(), keys=keys) as vault:
            vault._vault.verify()


def test_files_and_databases_are_bound_alike(places: Places, tmp_path: Path) -> None:
    place, keys = places.new("bound"), KeyFile.create(tmp_path / "key")
    with Vault.create(place, keys=keys) as vault:
        vault.put([observation()])
        vault.bind(Terms(policies().digests, "none").to_json())
    with pytest.raises(AccessDenied):
        Vault.open(place, keys=keys)
    with GuardedVault.open(place, policies(), Log(), keys=keys, mode="write") as guarded:
        assert guarded.put(ask(PHYSICIAN), [observation()]).stored == 1
        assert guarded.query(ask(PHYSICIAN), "alice").total == 2
    places.run(place, "DELETE FROM meta WHERE name = 'guard'")
    with pytest.raises(StoreDamaged):
        Vault.open(place, keys=keys)


def test_a_guard_whose_log_was_lost_can_be_forgotten(bound: Path) -> None:
    with pytest.raises(SecurityError):
        forget_terms(bound, keys=KeyFile.create(bound.parent / "other"))
    forget_terms(bound, keys=keys_of(bound))
    with Vault.open(bound, keys=keys_of(bound)) as plain:
        plain.verify()


def test_a_vault_that_is_bound_no_more_opens(bound: Path) -> None:
    with GuardedVault.open(bound, policies(), Log(), keys=keys_of(bound), mode="write") as vault:
        vault._vault.bind(b"")
    with Vault.open(bound, keys=keys_of(bound)) as plain:
        assert plain.terms() is None
        plain.verify()


def test_the_extent_tells_of_every_change(bound: Path) -> None:
    with GuardedVault.open(bound, policies(), Log(), keys=keys_of(bound), mode="write") as vault:
        plain = vault._vault
        seen = [plain.extent()]
        plain.put([observation()])
        seen.append(plain.extent())
        plain.erase("alice", at="2026-11-24T08:00:00Z")
        seen.append(plain.extent())
        assert len(set(seen)) == 3
        assert plain.tag(b"a") != plain.tag(b"b")
