"""Validation: a pass of its own over a parsed message, by the standard, by IHE's profiles, by a conformance profile."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice

from ....errors import InvalidRequest
from ..message import Message
from .findings import MAX_FINDINGS, Finding, Severity
from .pcd import RULES, check_rules
from .profile import MAX_PROFILE, PartProfile, Profile, SegmentProfile, read_profile
from .profile_check import check_profile
from .standard import Standard

__all__ = [
    "MAX_FINDINGS",
    "MAX_PROFILE",
    "RULES",
    "Finding",
    "PartProfile",
    "Profile",
    "SegmentProfile",
    "Severity",
    "read_profile",
    "validate",
]


def validate(
    message: Message, *, profile: Profile | None = None, rules: Collection[str] = (), limit: int = MAX_FINDINGS
) -> tuple[Finding, ...]:
    r"""Return what is wrong with a message.

    Parameters
    ----------
    message : Message
        The message.
    profile : Profile, optional
        A conformance profile, checked beside the standard.
    rules : collection of str, optional
        Names of :data:`RULES`: ``pcd01``, ``pcd04``.
    limit : int, optional
        Most findings.

    Raises
    ------
    InvalidRequest
        ``USE-001`` for rules that there are none of.

    Examples
    --------
    >>> from iomt_interop.wire import hl7v2
    >>> from iomt_interop.wire.hl7v2.validation import validate
    >>> found = validate(hl7v2.parse(b"MSH|^~\\&|A|B|C|D|20261399||ACK^R01^ACK|1|P|2.6\rMSA|ZZ|1\r"))
    >>> [(each.code, each.path) for each in found]
    [('HL7-130', 'MSH(1)-7'), ('HL7-315', 'MSA(1)-1')]
    """
    unknown = set(rules) - RULES.keys()
    if unknown:
        raise InvalidRequest("USE-001", hint=f"rules: {', '.join(sorted(RULES))}")
    return tuple(islice(_findings(message, profile, rules), limit))


def _findings(message: Message, profile: Profile | None, rules: Collection[str]) -> Iterator[Finding]:
    yield from Standard(message)
    for name in sorted(rules):
        yield from check_rules(message, name)
    if profile is not None:
        yield from check_profile(message, profile)
