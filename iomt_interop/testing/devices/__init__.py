"""Simulated devices: realistic bytes with known truth, the same for the same seed, without a socket or a clock.

A test compares what a reader understood with what the device meant::

    from iomt_interop.testing.devices import BedsideMonitor, truth_of

    device = BedsideMonitor(seed=7, ecg=True)
    records = iomt.read(b"".join(device.messages()), adapter="acme_gateway")
    assert tuple(truth_of(records)) == device.truth()

:mod:`~iomt_interop.testing.devices.faults` breaks the wire, and the device's clock and sensors.
"""

from __future__ import annotations

from . import faults
from .base import Clock, SimulatedDevice, Wander
from .conversation import AgentState, Conversation
from .faults import Fault, Faulty
from .monitor import BedsideMonitor
from .personal import PersonalDevice, PulseOximeter, Thermometer, WeighingScale
from .truth import Measured, Raised, Sampled, Truth, truth_of

__all__ = [
    "AgentState",
    "BedsideMonitor",
    "Clock",
    "Conversation",
    "Fault",
    "Faulty",
    "Measured",
    "PersonalDevice",
    "PulseOximeter",
    "Raised",
    "Sampled",
    "SimulatedDevice",
    "Thermometer",
    "Truth",
    "Wander",
    "WeighingScale",
    "faults",
    "truth_of",
]
