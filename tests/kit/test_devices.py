"""Simulated devices: the adapters read what they meant, and through any fault nothing that they did not mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

import iomt_interop as iomt
from iomt_interop import model as m
from iomt_interop.errors import InputError, InvalidRequest, MalformedInput
from iomt_interop.testing.devices import (
    AgentState,
    BedsideMonitor,
    Clock,
    Conversation,
    Measured,
    PersonalDevice,
    PulseOximeter,
    Raised,
    Sampled,
    SimulatedDevice,
    Thermometer,
    Truth,
    WeighingScale,
    faults,
    truth_of,
)
from iomt_interop.wire import mder, phd

MONITORS = [
    pytest.param(BedsideMonitor(), id="monitor"),
    pytest.param(BedsideMonitor(ecg=True, alerts=True, alarm_limit=78, count=30, seed=6), id="monitor-ecg-alerts"),
    pytest.param(BedsideMonitor(ecg=True, missing_percent=25, count=8), id="monitor-missing"),
    pytest.param(BedsideMonitor(frames=False, seed=9), id="monitor-bare"),
    pytest.param(BedsideMonitor(clock=Clock(datetime(2026, 2, 28, 23, 59, 58, 125000))), id="monitor-local"),
]
PERSONAL = [
    pytest.param(PulseOximeter(), id="oximeter"),
    pytest.param(PulseOximeter(missing_percent=40, count=12, seed=5), id="oximeter-missing"),
    pytest.param(Thermometer(), id="thermometer"),
    pytest.param(WeighingScale(count=30), id="scale"),
]
DEVICES = [*MONITORS, *PERSONAL]

THERMOMETER = ["36.77", "36.80", "36.69", "36.55", "36.59"]
MONITOR = ["73", "97.0", "76", "126", "80", "89"]


def read_all(data: bytes, adapter: str) -> tuple[list[m.Record], InputError | None]:
    found: list[m.Record] = []
    try:
        for record in iomt.read(data, adapter=adapter):
            found.append(record)
    except InputError as error:
        return found, error
    return found, None


def adapter_of(device: SimulatedDevice) -> str:
    inner = device.device if isinstance(device, faults.Faulty) else device
    return "ieee11073_phd" if isinstance(inner, PersonalDevice) else "hl7v2_oru"


@pytest.mark.parametrize("device", DEVICES)
def test_the_adapter_reads_exactly_what_the_device_meant(device: Any) -> None:
    data = b"".join(device.messages())
    assert isinstance(device, SimulatedDevice)
    assert iomt.sniff(data)[0].adapter == adapter_of(device)
    records = list(iomt.read(data))
    assert tuple(truth_of(records)) == device.truth()
    assert [record.code for record in records if isinstance(record, m.Issue)] == []
    assert [record.reason for record in records if isinstance(record, m.Residue)] == []


@pytest.mark.parametrize("device", DEVICES)
def test_the_same_device_sends_the_same_octets(device: Any) -> None:
    again = type(device)(**{field.name: getattr(device, field.name) for field in fields(device)})
    assert list(device.messages()) == list(again.messages())
    assert device.truth() == again.truth()
    other = replace(device, seed=device.seed + 1)
    assert list(other.messages()) != list(device.messages())


def test_the_octets_stay_what_they_are() -> None:
    """A seed in a bug report must mean the same in every version."""
    assert [truth.digits for truth in Thermometer(seed=1).truth()] == THERMOMETER
    assert [truth.digits for truth in BedsideMonitor(seed=1, count=1).truth()] == MONITOR


def test_the_truth_is_exact_and_of_all_kinds() -> None:
    truth = BedsideMonitor(ecg=True, alerts=True, alarm_limit=78, count=30, seed=6).truth()
    assert {type(part) for part in truth} == {Measured, Sampled, Raised}
    alerts = [part.phase for part in truth if isinstance(part, Raised)]
    assert len(alerts) > 2
    assert alerts[:2] == ["start", "end"]
    saturation = next(part for part in truth if isinstance(part, Measured) and part.code == 150456)
    assert saturation.digits is not None
    assert len(saturation.digits.partition(".")[2]) == 1
    assert saturation.after == timedelta()
    assert saturation.time == "2026-11-24T10:58:00.000+01:00"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lambda seed: (faults.duplicate(seed),), id="duplicate"),
        pytest.param(lambda seed: (faults.reorder(seed),), id="reorder"),
        pytest.param(lambda seed: (faults.lose(seed),), id="lose"),
        pytest.param(lambda seed: (faults.garbage(seed),), id="garbage"),
        pytest.param(lambda seed: (faults.reorder(seed), faults.duplicate(seed), faults.garbage(seed)), id="all"),
    ],
)
def test_no_fault_makes_a_wrong_value(device: Any, fault: Any, seed: int) -> None:
    wire = faults.Faulty(device, fault(seed))
    records, _ = read_all(b"".join(wire.messages()), adapter_of(wire))
    assert set(truth_of(records)) <= set(wire.truth())


def broken(device: Any) -> Iterator[tuple[list[m.Record], set[Truth]]]:
    """Break the connection at about 150 places and yield what was read, and what of it the device did not mean."""
    data = b"".join(device.messages())
    whole = set(device.truth())
    for after in range(1, len(data), max(1, len(data) // 150)):
        octets = b"".join(faults.Faulty(device, (faults.cut(after),)).messages())
        assert octets == data[:after]
        records, _ = read_all(octets, adapter_of(device))
        yield records, set(truth_of(records)) - whole


@pytest.mark.parametrize("device", PERSONAL)
def test_a_broken_connection_gives_what_was_whole_and_no_more(device: Any) -> None:
    assert [wrong for _, wrong in broken(device) if wrong] == []


@pytest.mark.parametrize("device", MONITORS)
def test_a_broken_message_is_doubted(device: Any) -> None:
    """HL7 v2 states no length: a last field that is cut off looks whole, so the reader must say so."""
    for records, wrong in broken(replace(device, ecg=False)):
        assert not wrong or "HL7-115" in {record.code for record in records if isinstance(record, m.Issue)}
        assert len(wrong) <= 1


@pytest.mark.xfail(reason="the last segment of a cut HL7 v2 stream is read as if it were whole", strict=True)
@pytest.mark.parametrize("device", MONITORS)
def test_a_broken_message_gives_no_wrong_value(device: Any) -> None:
    assert [len(wrong) for _, wrong in broken(device) if wrong] == []


@pytest.mark.parametrize("device", DEVICES)
def test_a_message_sent_twice_gives_no_second_record(device: Any) -> None:
    wire = faults.Faulty(device, (faults.duplicate(0, 100),))
    records, error = read_all(b"".join(wire.messages()), adapter_of(wire))
    assert error is None
    measured = {r.id: r for r in records if isinstance(r, m.Observation | m.Waveform | m.Alert)}
    assert sorted(map(repr, truth_of(measured.values()))) == sorted(map(repr, map(without_after, device.truth())))


def without_after(truth: Truth) -> Truth:
    return replace(truth, after=None)


@pytest.mark.parametrize("device", [BedsideMonitor(), PulseOximeter()])
def test_the_devices_clock_may_be_wrong_and_its_times_stay_its_own(device: Any) -> None:
    wrong = faults.jump(faults.drift(device, 100_000), timedelta(seconds=15), timedelta(hours=-1))
    assert tuple(truth_of(iomt.read(b"".join(wrong.messages())))) == wrong.truth()
    times = [(truth.after, truth.time) for truth in wrong.truth()]
    assert times != [(truth.after, truth.time) for truth in device.truth()]
    assert sorted(times) == times
    assert sorted(time for _, time in times) != [time for _, time in times]  # it was set back
    assert [truth.digits for truth in wrong.truth()] == [truth.digits for truth in device.truth()]


def test_a_clock_runs_fast_by_its_drift() -> None:
    clock = Clock(datetime(2026, 1, 1), drift_ppm=50, jumps=((timedelta(hours=1), timedelta(minutes=-3)),))
    assert clock.at(timedelta()) == datetime(2026, 1, 1)
    assert clock.at(timedelta(seconds=1000)) == datetime(2026, 1, 1, 0, 16, 40, 50000)
    assert clock.at(timedelta(hours=1)) == datetime(2026, 1, 1, 0, 57, 0, 180000)


@pytest.mark.parametrize("device", [BedsideMonitor(ecg=True), PulseOximeter()])
def test_missing_values_are_absent_and_not_zero(device: Any) -> None:
    gone = faults.missing(device, 100)
    records = list(iomt.read(b"".join(gone.messages())))
    assert all(isinstance(r.value, m.Absent) for r in records if isinstance(r, m.Observation))
    assert all(truth.digits is None for truth in gone.truth() if isinstance(truth, Measured))


class Manager:
    """The least manager that takes a device through its association; keeps the traffic of both sides."""

    def __init__(self, device: PersonalDevice, result: int, config_result: int = 0, greedy: bool = True) -> None:
        self.agent = Conversation(device)
        self.result = result
        self.config_result = config_result
        self.greedy = greedy
        self.traffic: list[bytes] = []

    def run(self) -> bytes:
        waiting = [self.agent.begin()]
        while waiting:
            sent = waiting.pop(0)
            self.traffic.append(sent)
            for reply in self.replies(phd.decode(sent)):
                self.traffic.append(phd.encode(reply))
                waiting += self.agent.answer(self.traffic[-1])
        return b"".join(self.traffic)

    def replies(self, apdu: phd.Apdu) -> list[phd.Apdu]:
        if isinstance(apdu, phd.Aarq):
            offered = apdu.association
            assert offered is not None
            answer = replace(offered, system_id=b"\x0e\x1d\x2c\xff\xfe\x00\x00\x01", config_id=0)
            return [phd.Aare(self.result, phd.DataProto(0x5079, answer))]
        if isinstance(apdu, phd.Release):
            return [phd.Release(phd.RLRE, 0)] if apdu.choice == phd.RLRQ else []
        body = apdu.body
        if not isinstance(body, phd.EventReport):
            return []
        info: Any = b""
        get: list[phd.Apdu] = []
        if isinstance(body.info, phd.ConfigReport):
            info = phd.ConfigReply(body.info.config_id, self.config_result)
            get = [phd.Prst(77, 0x0103, phd.Get(0, ()))] if self.greedy else []
        answered = replace(body, time=mder.NO_RELATIVE_TIME, info=info, reply=True)
        return [*get, phd.Prst(apdu.invoke_id, 0x0201, answered)]


@pytest.mark.parametrize("device", PERSONAL)
def test_a_device_answers_its_manager_and_the_adapter_reads_both_sides(device: Any) -> None:
    manager = Manager(device, result=3)
    traffic = manager.run()
    assert manager.agent.state is AgentState.UNASSOCIATED
    records = list(iomt.read(traffic, adapter="ieee11073_phd"))
    assert tuple(truth_of(records)) == device.truth()
    assert [r.code for r in records if isinstance(r, m.Issue)] == []
    assert any(isinstance(r, m.Device) and r.serial == device.serial for r in records)


def test_a_known_configuration_is_not_sent() -> None:
    device = Thermometer()
    traffic = Manager(device, result=0).run()
    items = phd.Session().feed(traffic)
    bodies = [item.apdu.body for item in items if isinstance(item.apdu, phd.Prst)]
    assert not any(isinstance(body, phd.EventReport) and isinstance(body.info, phd.ConfigReport) for body in bodies)
    assert tuple(truth_of(iomt.read(traffic))) == device.truth()


def test_a_refused_device_sends_nothing_more() -> None:
    refused = Manager(PulseOximeter(), result=1)
    refused.run()
    assert len(refused.traffic) == 2
    unsupported = Manager(PulseOximeter(), result=3, config_result=1, greedy=False)
    unsupported.run()
    assert phd.decode(unsupported.traffic[-2]) == phd.Release(phd.RLRQ, 1)


def test_what_a_manager_may_not_ask_is_answered_by_an_error_or_an_abort() -> None:
    agent = Conversation(PulseOximeter())
    with pytest.raises(MalformedInput):
        agent.answer(b"\x00\x00\x00\x00")
    agent.begin()
    with pytest.raises(InvalidRequest):
        agent.begin()
    offer = PulseOximeter().association_request()
    agent.answer(phd.encode(phd.Aare(3, offer.protos[0])))
    asked: dict[phd.Prst, Any] = {
        phd.Prst(1000, 0x0103, phd.Get(9, ())): phd.RoError(1, b""),
        phd.Prst(1001, 0x0107, phd.ActionCall(0, phd.Action.SEG_CLR, b"")): phd.RoError(9, b""),
        phd.Prst(1002, 0x0105, phd.Set(0, ())): phd.RoError(24, b""),
    }
    for request, error in asked.items():
        (reply,) = agent.answer(phd.encode(request))
        answered = phd.decode(reply)
        assert isinstance(answered, phd.Prst)
        assert answered.invoke_id == request.invoke_id
        assert answered.body == error
    clock = phd.Prst(1003, 0x0107, phd.ActionCall(0, phd.Action.SET_TIME, phd.SetTime(bytes(8), bytes(4))))
    (done,) = map(phd.decode, agent.answer(phd.encode(clock)))
    assert isinstance(done, phd.Prst)
    assert done.choice == 0x0207
    stray = phd.Prst(1, 0x0201, phd.EventReport(0, 0, phd.Event.FIXED, b"", reply=True))
    assert agent.answer(phd.encode(replace(stray, invoke_id=4711))) == []
    (aborted,) = agent.answer(phd.encode(phd.Aare(0, offer.protos[0])))
    assert phd.decode(aborted) == phd.Release(phd.ABRT, 0)
    assert agent.state is AgentState.UNASSOCIATED
