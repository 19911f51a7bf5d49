"""The spool: sealed before it is acknowledged, translated later, and nothing lost on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

import iomt_interop as iomt
from iomt_interop.errors import InvalidRequest, SecurityError, StoreDamaged
from iomt_interop.model import Residue
from iomt_interop.plugins import Limits, ReadContext
from iomt_interop.transport import Delivery, Drain, Spool, VaultSink, Verdict
from iomt_interop.vault import KeyFile, PassphraseKey
from iomt_interop.wire.hl7v2.ack import Outcome


def message(number: int, body: str = "98") -> bytes:
    head = f"MSH|^~\\&|MON|ICU|||20261124105803+0000||ORU^R01^ORU_R01|{number}|P|2.6"
    return f"{head}\rPID|||SECRET^^^H^MR\rOBR|1\rOBX|1|NM|150456^MDC_PULS_OXIM_SAT_O2^MDC|1.1.1.1|{body}\r".encode()


def batch(*numbers: int) -> list[Delivery]:
    return [Delivery(message(number), "") for number in numbers]


class Place:
    def __init__(self, folder: Path) -> None:
        self.keys = KeyFile.create(folder / "k")
        self.folder, self.vault = folder / "v.spool", folder / "v"
        iomt.Vault.create(self.vault, keys=self.keys).close()

    def spool(self, **more: int) -> Spool:
        return Spool(self.folder, self.keys, **more)

    def drain(self, spool: Spool, context: ReadContext | None = None) -> int:
        with iomt.Vault.open(self.vault, keys=self.keys, mode="write") as vault:
            drain = Drain(spool, VaultSink(vault, context=context))
            return sum(iter(drain.step, 0))

    def stored(self) -> list[str]:
        with iomt.Vault.open(self.vault, keys=self.keys) as vault:
            return [str(getattr(r, "control_id", "")) for r in vault.records(kinds={"message"}, versions="all")]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_what_is_sealed_is_translated_in_order_and_then_gone(place: Place) -> None:
    spool = place.spool(file_bytes=1000)
    for number in range(0, 30, 3):
        verdicts = spool(batch(number, number + 1, number + 2))
        assert [verdict.outcome for verdict in verdicts] == [Outcome.ACCEPTED] * 3
    files = sorted(place.folder.iterdir())
    assert len(files) > 3
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)
    assert not any(b"SECRET" in file.read_bytes() or b"MSH|" in file.read_bytes() for file in files)
    assert place.drain(spool) == 30
    assert place.stored() == [str(number) for number in range(30)]
    assert (list(place.folder.iterdir()), spool.waiting) == ([], 0)
    spool(batch(99))
    assert place.drain(spool) == 1
    spool.close()


def test_what_a_killed_process_left_is_translated_by_the_next(place: Place) -> None:
    place.spool()(batch(1, 2))
    place.spool()(batch(3))  # the second process died as well
    spool = place.spool()
    spool(batch(4))
    assert place.drain(spool) == 4
    assert place.stored() == ["1", "2", "3", "4"]
    spool.close()


def test_a_torn_end_was_never_acknowledged_and_is_passed_over(place: Place) -> None:
    spool = place.spool()
    spool(batch(1))
    [file] = place.folder.iterdir()
    first = file.stat().st_size
    spool(batch(2))
    octets = file.read_bytes()
    for stop in range(first, len(octets)):
        file.write_bytes(octets[:stop])
        assert list(spool.read(file)) == [[message(1)]]
    for stop in range(first):
        file.write_bytes(octets[:stop])
        assert list(spool.read(file)) == []
    file.write_bytes(octets)
    assert list(spool.read(file)) == [[message(1)], [message(2)]]


def test_a_changed_file_is_set_aside_and_the_next_one_goes_on(place: Place) -> None:
    spool = place.spool(file_bytes=1)
    for number in (1, 2, 3):
        spool(batch(number))
    second = sorted(place.folder.iterdir())[1]
    octets = bytearray(second.read_bytes())
    octets[-1] ^= 1
    second.write_bytes(octets)
    with iomt.Vault.open(place.vault, keys=place.keys, mode="write") as vault:
        drain = Drain(spool, VaultSink(vault))
        assert drain.step() == 1
        with pytest.raises(SecurityError):
            drain.step()
        assert (drain.step(), drain.step()) == (1, 0)
    assert place.stored() == ["1", "3"]
    assert [file.suffix for file in place.folder.iterdir()] == [".damaged"]


@pytest.mark.parametrize("move", ["swap", "repeat", "other file"])
def test_batches_are_bound_to_their_place(place: Place, move: str) -> None:
    spool = place.spool()
    spool(batch(0))
    [file] = place.folder.iterdir()
    edges = [file.stat().st_size]
    for number in (1, 2):
        spool(batch(number))
        edges.append(file.stat().st_size)
    octets = file.read_bytes()
    one, two = octets[edges[0] : edges[1]], octets[edges[1] :]
    spool.close()
    if move == "other file":
        other = place.spool()
        other(batch(9))
        file = sorted(place.folder.iterdir())[1]
        file.write_bytes(file.read_bytes() + one)
    else:
        file.write_bytes(octets[: edges[0]] + (two + one if move == "swap" else one + one))
    with pytest.raises(SecurityError):
        list(place.spool().read(file))


def test_an_error_of_the_vault_loses_nothing(place: Place) -> None:
    spool = place.spool()
    spool(batch(1, 2))
    failures = [StoreDamaged("SEC-006"), None]

    class Sometimes(VaultSink):
        def __call__(self, batch: list[Delivery]) -> list[Verdict]:  # type: ignore[override]
            failure = failures.pop(0)
            if failure is not None:
                raise failure
            return super().__call__(batch)

    with iomt.Vault.open(place.vault, keys=place.keys, mode="write") as vault:
        drain = Drain(spool, Sometimes(vault))
        with pytest.raises(StoreDamaged):
            drain.step()
        assert len(list(place.folder.iterdir())) == 1
        assert (drain.step(), drain.step()) == (2, 0)
    assert place.stored() == ["1", "2"]


def test_what_no_adapter_takes_is_kept_whole(place: Place) -> None:
    spool = place.spool()
    spool([*batch(1), Delivery(message(2, "9" * 3000), ""), *batch(3)])
    assert place.drain(spool, ReadContext(limits=Limits(max_unit=2000))) == 3
    with iomt.Vault.open(place.vault, keys=place.keys) as vault:
        [kept] = [r for r in vault.records(kinds={"residue"}) if isinstance(r, Residue) and len(r.raw) > 2000]
    assert (kept.raw, kept.reason) == (message(2, "9" * 3000), "HL7-120")
    assert place.stored() == ["1", "3"]


def test_too_much_is_rejected_and_a_folder_that_is_none_is_refused(place: Place, tmp_path: Path) -> None:
    spool = place.spool(most_bytes=500)
    spool(batch(1, 2, 3))
    with pytest.raises(StoreDamaged) as caught:
        spool(batch(4))
    assert caught.value.code == "SEC-006"
    assert place.drain(spool) == 3
    spool(batch(4))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InvalidRequest):
        Spool(tmp_path / "file", place.keys)


def test_a_passphrase_serves_as_well(place: Place) -> None:
    spool = Spool(place.folder, PassphraseKey("correct horse battery staple"), file_bytes=1)
    for number in range(3):
        spool(batch(number))
    other = Spool(place.folder, PassphraseKey("correct horse battery staple"))
    assert [m for f in sorted(place.folder.iterdir()) for b in other.read(f) for m in b] == [
        message(n) for n in range(3)
    ]
    wrong = Spool(place.folder, PassphraseKey("another one"))
    with pytest.raises(SecurityError):
        list(wrong.read(min(place.folder.iterdir())))
