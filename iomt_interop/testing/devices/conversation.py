"""The agent's side of an association: it answers a manager, APDU by APDU, without a socket or a clock."""

from __future__ import annotations

from enum import Enum
from typing import Final

from ...errors import InvalidRequest
from ...wire import phd
from ...wire.phd.operations import (
    ACTION_REPLY,
    CONFIRMED_ACTION,
    CONFIRMED_EVENT,
    CONFIRMED_SET,
    ERROR,
    GET,
)
from .personal import PersonalDevice

__all__ = ["AgentState", "Conversation"]

_ACCEPTED: Final = 0
_UNKNOWN_CONFIGURATION: Final = 3
_CONFIGURATION_ACCEPTED: Final = 0
_NO_SUCH_OBJECT: Final = 1
_NO_SUCH_ACTION: Final = 9
_NOT_ALLOWED: Final = 24
_NO_MORE_CONFIGURATIONS: Final = 1
_UNDEFINED: Final = 0


class AgentState(Enum):
    """Where the agent stands (IEEE 11073-20601 ch. 8)."""

    UNASSOCIATED = "unassociated"
    ASSOCIATING = "associating"
    CONFIGURING = "configuring"
    OPERATING = "operating"
    DISASSOCIATING = "disassociating"


class Conversation:
    """One association of a device with a manager.

    Parameters
    ----------
    device : PersonalDevice
        Who measures.

    Examples
    --------
    >>> from iomt_interop.testing.devices import Conversation, Thermometer
    >>> agent = Conversation(Thermometer(count=1))
    >>> agent.begin()[:2].hex()
    'e200'
    >>> agent.state.value
    'associating'
    """

    def __init__(self, device: PersonalDevice) -> None:
        self._device = device
        self._next = 0
        self._invoke = 0
        self._waiting: int | None = None
        self.state = AgentState.UNASSOCIATED

    def __repr__(self) -> str:
        return f"Conversation({self.state.value})"

    def begin(self) -> bytes:
        """Return the association request.

        Raises
        ------
        InvalidRequest
            ``USE-001`` when there is an association already.
        """
        if self.state is not AgentState.UNASSOCIATED:
            raise InvalidRequest("USE-001", hint="the association has begun")
        self.state = AgentState.ASSOCIATING
        return phd.encode(self._device.association_request())

    def answer(self, apdu: bytes) -> list[bytes]:
        """Take one APDU of the manager and return what the agent sends then, in its order.

        Raises
        ------
        InputError
            When the octets are no APDU.
        """
        return [phd.encode(sent) for sent in self._answer(phd.decode(apdu))]

    def _answer(self, apdu: phd.Apdu) -> list[phd.Apdu]:
        if isinstance(apdu, phd.Release):
            return self._released(apdu)
        if isinstance(apdu, phd.Aare):
            return self._associated(apdu)
        if isinstance(apdu, phd.Prst) and self.state in (AgentState.CONFIGURING, AgentState.OPERATING):
            return self._operation(apdu)
        return self._abort()

    def _released(self, apdu: phd.Release) -> list[phd.Apdu]:
        answers: list[phd.Apdu] = []
        if apdu.choice == phd.RLRQ and self.state is not AgentState.UNASSOCIATED:
            answers.append(phd.Release(phd.RLRE, 0))
        self.state = AgentState.UNASSOCIATED
        return answers

    def _associated(self, apdu: phd.Aare) -> list[phd.Apdu]:
        if self.state is not AgentState.ASSOCIATING:
            return self._abort()
        if apdu.result == _ACCEPTED:
            self.state = AgentState.OPERATING
            return self._measure()
        if apdu.result == _UNKNOWN_CONFIGURATION:
            self.state = AgentState.CONFIGURING
            return [self._device.configuration_report(self._ask())]
        self.state = AgentState.UNASSOCIATED
        return []

    def _operation(self, apdu: phd.Prst) -> list[phd.Apdu]:
        body = apdu.body
        if apdu.choice == GET and isinstance(body, phd.Get):
            whole = body.handle == 0
            return [self._device.attributes(apdu.invoke_id) if whole else _error(apdu, _NO_SUCH_OBJECT)]
        if apdu.choice == CONFIRMED_ACTION and isinstance(body, phd.ActionCall):
            if body.action != phd.Action.SET_TIME:
                return [_error(apdu, _NO_SUCH_ACTION)]
            # The clock is an argument of the simulation: the manager is told that it is set, and it stays.
            return [phd.Prst(apdu.invoke_id, ACTION_REPLY, phd.ActionCall(0, body.action, b"", reply=True))]
        if apdu.choice in (CONFIRMED_SET, CONFIRMED_EVENT):
            return [_error(apdu, _NOT_ALLOWED)]
        if isinstance(body, phd.EventReport) and body.reply and apdu.invoke_id == self._waiting:
            self._waiting = None
            return self._replied(body)
        return []

    def _replied(self, body: phd.EventReport) -> list[phd.Apdu]:
        """Go on after the manager's answer to a report."""
        if isinstance(body.info, phd.ConfigReply):
            if body.info.result != _CONFIGURATION_ACCEPTED:
                self.state = AgentState.DISASSOCIATING
                return [phd.Release(phd.RLRQ, _NO_MORE_CONFIGURATIONS)]
            self.state = AgentState.OPERATING
        return self._measure()

    def _measure(self) -> list[phd.Apdu]:
        """Send the next measurement, or release the association behind the last."""
        if self._next >= self._device.count:
            self.state = AgentState.DISASSOCIATING
            return [phd.Release(phd.RLRQ, 0)]
        self._next += 1
        return [self._device.scan_report(self._next - 1, self._ask())]

    def _ask(self) -> int:
        self._invoke = (self._invoke + 1) % 0x10000
        self._waiting = self._invoke
        return self._invoke

    def _abort(self) -> list[phd.Apdu]:
        self.state = AgentState.UNASSOCIATED
        return [phd.Release(phd.ABRT, _UNDEFINED)]


def _error(apdu: phd.Prst, error: int) -> phd.Prst:
    return phd.Prst(apdu.invoke_id, ERROR, phd.RoError(error, b""))
