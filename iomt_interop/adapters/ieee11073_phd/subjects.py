"""Whose data it is: a personal device knows at most a person's number, and never a name.

The caller may know the person (:attr:`~iomt_interop.plugins.ReadContext.subject`). A number of the device is
bound to that person only while no second number has been seen; every other number becomes a subject of its own,
of confidence ``ambiguous``, so that one person's data cannot slip into another's record.
"""

from __future__ import annotations

from typing import Final

from ...model import DeviceAssociation, Identifier, Subject, record_id
from ...plugins import ReadContext
from .emit import ADAPTER, HTEST, Frame, Mode

__all__ = ["UNKNOWN_PERSON", "Persons"]

UNKNOWN_PERSON: Final = 0xFFFF
"""PersonId of a measurement whose person the device does not know (IEEE 11073-20601 Annex A)."""


class Persons:
    """The persons of one stream."""

    def __init__(self, context: ReadContext) -> None:
        self._known = context.subject
        self._exclude = context.identity == "exclude"
        self._bound: tuple[str | None, int] | None = None
        self._announced: set[tuple[str, str]] = set()

    def subject(self, frame: Frame, system: str | None, person: int | None, mode: Mode | None) -> str | None:
        """Return the id of the subject that an observation belongs to, and announce the subject once.

        Parameters
        ----------
        frame : Frame
            Takes the new :class:`~iomt_interop.model.Subject`.
        system : str or None
            The device's EUI-64.
        person : int or None
            The person number of a multi-person report.
        mode : {"test", "demo"} or None
            Set when the measurement is of no patient at all.
        """
        if mode is not None and self._exclude:
            return self._announce(frame, self._stand_in(frame, system, mode))
        if person is None or self._is_known(system, person):
            if self._known is None:
                return None
            self._announce(frame, self._known)
            self._associate(frame, system, person, self._known.id)
            return self._known.id
        subject = self._numbered(frame, system, person)
        self._announce(frame, subject)
        self._associate(frame, system, person, subject.id)
        return subject.id

    def _is_known(self, system: str | None, person: int) -> bool:
        """Tell whether a person number is the caller's subject."""
        if self._known is None or person == UNKNOWN_PERSON:
            return False
        stated = {i.value for i in self._known.identifiers if i.authority_id == system and i.value is not None}
        if stated and system is not None:
            return str(person) in stated
        if self._bound is None:
            self._bound = (system, person)
        return self._bound == (system, person)

    def _numbered(self, frame: Frame, system: str | None, person: int) -> Subject:
        key = system if system is not None else frame.digest
        return Subject(
            id=record_id("subject", key, "person-id", str(person)),
            provenance=frame.provenance,
            identifiers=(
                Identifier(
                    value=str(person), authority_id=system, authority_id_type="EUI-64" if system is not None else None
                ),
            ),
            confidence="unknown" if person == UNKNOWN_PERSON else "ambiguous",
        )

    def _stand_in(self, frame: Frame, system: str | None, mode: Mode) -> Subject:
        return Subject(
            id=record_id("subject", ADAPTER, system, mode),
            provenance=frame.provenance,
            confidence=mode,
            labels=(HTEST,),
        )

    def _announce(self, frame: Frame, subject: Subject) -> str:
        if ("subject", subject.id) not in self._announced:
            self._announced.add(("subject", subject.id))
            frame.add(subject)
        return subject.id

    def _associate(self, frame: Frame, system: str | None, person: int | None, subject: str) -> None:
        """Say once which device measures which person, in the device's own number."""
        device = frame.device
        if device is None or person is None or (device, f"{subject}/{person}") in self._announced:
            return
        self._announced.add((device, f"{subject}/{person}"))
        frame.add(
            DeviceAssociation(
                id=record_id("association", ADAPTER, system, person, subject),
                provenance=frame.provenance,
                subject=subject,
                device=device,
                state="associated",
                native_person=str(person),
            )
        )
