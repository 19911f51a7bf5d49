"""Whoever can write to the place and has no key: nothing that they drop, turn back or put back goes unseen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.guards import observation
from support.places import Place, Places

from iomt_interop import model as m
from iomt_interop.errors import AccessDenied, SecurityError
from iomt_interop.vault import KeyFile, Vault

WHEN = "2026-11-24T12:00:00Z"
KEYS = "SELECT handle, blind, wrapped, generation FROM subjects ORDER BY generation"


def observations(subject: str, count: int = 2) -> list[m.Record]:
    return [observation(subject=subject) for _ in range(count)]


@pytest.fixture
def renewed(places: Places, key: KeyFile) -> Place:
    """Return a vault in which anna has two keys, and bert one."""
    place = places.new("renewed")
    with Vault.create(place, keys=key) as vault:
        vault.put([*observations("anna"), *observations("bert")])
        vault.renew()
        vault.put(observations("anna"))
    return place


@pytest.mark.parametrize("change", ["guard", "holds"])
def test_what_is_taken_away_beside_a_writer_is_not_sealed_by_it(places: Places, key: KeyFile, change: str) -> None:
    """The writer's next root would say that it never was."""
    place = places.new("ward")
    with Vault.create(place, keys=key) as vault:
        vault.put(observations("anna"))
        vault.bind(b'{"version": 1}')
        vault.hold("anna", "a lawsuit")
        vault.put(observations("bert"))
        places.run(place, f"DELETE FROM meta WHERE name = '{change}'")
        places.run(place, "DELETE FROM holds" if change == "holds" else "SELECT 1")
        uses: list[Callable[[], object]] = [
            lambda: vault.put(observations("bert")), lambda: vault.bind(b""), vault.holds, vault.renew, vault.verify,
            lambda: vault.erase("bert", at=WHEN), lambda: vault.hold("bert", "another"),
        ]  # fmt: skip
        for use in uses:
            with pytest.raises(SecurityError, match="SEC-004"):
                use()
    with pytest.raises(SecurityError) as caught:
        Vault.open(place, keys=key)
    assert not isinstance(caught.value, AccessDenied)


@pytest.mark.parametrize("generation", ["00000001", "00000003", "ffffffff"])
def test_a_generation_of_keys_is_not_turned_back_or_on(
    renewed: Place, places: Places, key: KeyFile, generation: str
) -> None:
    with Vault.open(renewed, keys=key, mode="write") as vault:
        vault.put(observations("anna"))
        places.run(renewed, f"UPDATE meta SET value = x'{generation}' WHERE name = 'generation'")
        for use in (lambda: vault.put(observations("bert")), vault.renew):
            with pytest.raises(SecurityError, match="SEC-004"):
                use()
    with pytest.raises(SecurityError, match="SEC-004"):
        Vault.open(renewed, keys=key)


@pytest.mark.parametrize("which", [0, -1])
@pytest.mark.parametrize("change", ["DELETE FROM subjects", "UPDATE subjects SET blind = randomblob(16)"])
def test_an_erasure_takes_every_key_of_the_person_or_none(
    renewed: Place, places: Places, key: KeyFile, change: str, which: int
) -> None:
    """A key that is hidden meanwhile would come back afterwards."""
    with Vault.open(renewed, keys=key) as vault:
        blind = vault._index.subject("anna")
    kept = [row for row in places.rows(renewed, KEYS) if bytes(row[1]) == blind]  # type: ignore[call-overload]
    assert len(kept) == 2
    handle = bytes(kept[which][0]).hex()  # type: ignore[call-overload]
    places.run(renewed, f"{change} WHERE handle = x'{handle}'")
    with Vault.open(renewed, keys=key, mode="write") as vault:
        uses: list[Callable[[], object]] = [
            lambda: vault.erase("anna", at=WHEN), lambda: list(vault.records("anna")),
            lambda: list(vault.batches("anna")), vault.verify,
        ]  # fmt: skip
        for use in uses:
            with pytest.raises(SecurityError):
                use()
        assert vault.info()["erased"] == 0


def test_a_destroyed_key_that_is_put_back_seals_nothing(places: Places, key: KeyFile) -> None:
    """What it sealed would be counted as stored, and be of somebody who was erased: nobody could read it."""
    place = places.new("ward")
    with Vault.create(place, keys=key) as vault:
        vault.put(observations("anna"))
        kept = places.rows(place, KEYS)
        vault.erase("anna", at=WHEN)
        places.add(place, "subjects", kept)
        with pytest.raises(SecurityError, match="SEC-004"):
            vault.put(observations("anna"))
        with pytest.raises(SecurityError, match="SEC-004"):
            vault.verify()
    with Vault.open(place, keys=key, mode="write") as vault:
        with pytest.raises(SecurityError, match="SEC-004"):
            vault.put(observations("anna"))
        assert vault.put(observations("bert")).stored == 2


def test_no_new_key_is_made_beside_one_that_was_taken_away(places: Places, key: KeyFile) -> None:
    """Or a question about the person would be answered with what came since, as if it were all."""
    place = places.new("ward")
    anna, bert = observations("anna"), observations("bert")
    with Vault.create(place, keys=key) as vault:
        vault.put([*anna, *bert])
        blind = vault._index.subject("anna")
    places.run(place, f"DELETE FROM subjects WHERE blind = x'{blind.hex()}'")
    with Vault.open(place, keys=key, mode="write") as vault:
        with pytest.raises(SecurityError, match="SEC-004"):
            vault.put([*observations("anna"), anna[0]])
        with pytest.raises(SecurityError, match="SEC-004"):
            list(vault.records("anna"))
        assert vault.put([*bert, *observations("bert")]).unchanged == 2
