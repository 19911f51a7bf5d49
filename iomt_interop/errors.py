"""The whole error taxonomy; it imports nothing of this package and no third-party code.

Two rules hold for every class here.

1. An error is made of a *code*, a *path* and a *span*, never of an input value: its text comes from the
   table below, so nothing a patient said to a device can reach a log through it.
2. A base class says whose fault it was and cannot be instantiated; the caller catches bases, the library
   raises leaves.
"""

from __future__ import annotations

from typing import ClassVar, Final

__all__ = [
    "CODES",
    "AccessDenied",
    "AdapterContractError",
    "AdapterError",
    "AdapterNotFound",
    "AdapterRefused",
    "AdapterUnavailable",
    "AmbiguousFormat",
    "AuditUnavailable",
    "ChannelRefused",
    "DecryptionFailed",
    "DeliveryFailed",
    "InputError",
    "IntegrityMismatch",
    "InvalidRecord",
    "InvalidRequest",
    "IomtError",
    "KeyUnavailable",
    "LegalHold",
    "LimitExceeded",
    "MalformedInput",
    "ModelError",
    "NotRepresentable",
    "OutputError",
    "SecurityError",
    "SourceUnavailable",
    "StoreDamaged",
    "StoreUnavailable",
    "TimeError",
    "TruncatedInput",
    "UnitMismatch",
    "UnknownCode",
    "UnrecognisedFormat",
    "UnsupportedFeature",
    "UnsupportedVersion",
    "UsageError",
    "VaultLocked",
]

Span = tuple[int, int]

CODES: Final[dict[str, str]] = {
    # Sources and detection.
    "SRC-001": "the source is empty",
    "SRC-002": "no installed adapter recognises the source",
    "SRC-003": "several adapters recognise the source equally well; name one",
    "SRC-004": "the source cannot be opened or read",
    "SRC-005": "the source is longer than the limit of the read context",
    "SRC-006": "the source holds more records than the limit of the read context",
    "SRC-007": "the portable file is not valid",
    "SRC-008": "the portable file unfolds to more than the limit",
    # Columns.
    "COL-001": "the file is not Parquet, or does not have the columns of a table of records",
    # Adapters.
    "ADP-001": "no adapter of this id is installed",
    "ADP-002": "the adapter's manifest is not valid",
    "ADP-003": "two installed distributions claim the same adapter id",
    "ADP-004": "the adapter cannot be loaded",
    "ADP-005": "the adapter does not offer this direction",
    "ADP-006": "the adapter broke its contract",
    "ADP-007": "the allow-list does not permit the adapter",
    "ADP-008": "the adapter's installed files are not those that the allow-list permits",
    "ADP-009": "the allow-list is not valid; no adapter is permitted",
    # Canonical model.
    "MDL-001": "the text is not a decimal number",
    "MDL-002": "the text is not a date or time of this model",
    "MDL-003": "no exact conversion exists between these units",
    "MDL-004": "the code is unknown in its system",
    "MDL-005": "the record does not fit the canonical model",
    # Terminologies.
    "TRM-001": "the text is not a table with the required columns",
    "TRM-002": "the table or the number is beyond the limit of this library",
    # Use of the library.
    "USE-001": "the argument is not valid here",
    "USE-002": "the operation is not possible in this state",
    # Network.
    "NET-101": "the address cannot be listened on",
    "NET-102": "the receiver cannot be reached",
    "NET-103": "no secure channel: a certificate or a protocol was not accepted",
    "NET-104": "no acknowledgement came in time",
    "NET-105": "the connection ended before the acknowledgement",
    "NET-106": "the receiver did not accept the message",
    # HL7 v2, wire.
    "HL7-101": "there is no header segment (MSH, FHS, BHS)",
    "HL7-102": "a byte-order mark stands before the header",
    "HL7-103": "foreign octets stand before the header",
    "HL7-104": "segments end in LF instead of CR",
    "HL7-105": "MSH-2 has no escape character",
    "HL7-106": "the escape character of MSH-2 is doubled",
    "HL7-107": "MSH-2 repeats a delimiter, or has a character that cannot be one",
    "HL7-108": "segments end in the two characters backslash and r instead of CR",
    "HL7-109": "MSH-18 names an unknown character set",
    "HL7-110": "the message is not in the character set that MSH-18 states",
    "HL7-111": "the text cannot be written in the message's character set",
    "HL7-112": "an LF follows the CR of a segment",
    "HL7-113": "an LF stands inside a field",
    "HL7-114": "there is an empty line between segments",
    "HL7-115": "the last segment has no terminator",
    "HL7-116": "a line does not begin with a segment identifier",
    "HL7-117": "a segment seems to begin inside a field: its predecessor lost its terminator",
    "HL7-118": "a batch trailer states another count than there is",
    "HL7-120": "the message is longer than the limit",
    "HL7-121": "an escape sequence is unknown, odd or not terminated; it stays as it is",
    "HL7-122": "a part of a continued message did not arrive",
    "HL7-123": "a batch or file has a header without its trailer, or a trailer without its header",
    "HL7-130": "the text is not of its data type",
    "HL7-131": "a number is not written as its data type demands",
    "HL7-132": "a date or time is not written as its data type demands",
    "HL7-133": "a delimiter stands unescaped in a text",
    "HL7-134": "the data type is unknown",
    "HL7-135": "there are more components than the data type has",
    "HL7-136": "encapsulated data is not in the encoding that is stated",
    # HL7 v2, structure and validation.
    "HL7-301": "the segment is not known in this version",
    "HL7-302": "the segment is out of its place; it stays behind its predecessor",
    "HL7-303": "the segment or group stands more often than the structure allows",
    "HL7-304": "a segment or group that the structure requires is missing",
    "HL7-305": "the message's structure is not known",
    "HL7-306": "MSH-9.3 names no structure of this version; the event's one is taken",
    "HL7-307": "the structure is of another version than the message",
    "HL7-308": "MSH-9.3 names another structure than that of the event",
    "HL7-311": "a required field or component is empty",
    "HL7-312": "a field repeats more often than it may",
    "HL7-313": "a field or component is used that must not be, or that the standard does not have",
    "HL7-314": "the text is longer than it may be",
    "HL7-315": "the code is not in its HL7 table",
    "HL7-316": "the code is not in its user-defined table",
    "HL7-317": "OBX-5 has a value, but OBX-2 does not state its data type",
    "HL7-318": "OBX-2 states no data type of the standard",
    "HL7-319": "a field of a conditional usage is empty",
    "HL7-320": "the value is another than the constant that the profile states",
    "HL7-321": "the profile is of another message than this one",
    "HL7-322": "the profile is not a conformance profile, or beyond the limits",
    "HL7-323": "a set id does not count on from its predecessor",
    "HL7-324": "a required field or component is the null, which takes its value away",
    "HL7-325": "a field or component is empty, although its condition holds",
    "HL7-326": "two fields that state the same thing differ",
    "HL7-331": "the header does not name the IHE profile",
    "HL7-332": "the message type is not that of the IHE profile",
    "HL7-333": "the patient's identifier or its authority is missing",
    "HL7-334": "OBX-4 is not a dotted containment",
    "HL7-335": "OBX-4 names a place whose device, subsystem or channel has no OBX of its own",
    "HL7-336": "OBX-4 stands twice for different things",
    "HL7-337": "OBX-3 has no MDC code with its reference identifier",
    "HL7-338": "OBX-6 has no unit of MDC or UCUM",
    "HL7-339": "OBX-11 is not a status of the IHE profile",
    "HL7-340": "OBX-18 has no EUI-64 of the device",
    "HL7-341": "there is no time of the observation",
    "HL7-342": "the header does not ask for acknowledgements as the IHE profile does",
    "HL7-343": "the alert lacks one of its observations",
    "HL7-344": "a part of the alert has a value that the IHE profile does not have",
    # HL7 v2 in XML and JSON.
    "HL7-401": "the document is not an encoding of an HL7 v2 message",
    "HL7-402": "the document is longer, deeper or wider than the limit",
    "HL7-403": "the text is not XML, or has a document type declaration",
    "HL7-404": "the text is not JSON",
    # MLLP, wire.
    "MLP-101": "octets stand outside of any block",
    "MLP-102": "the block has no start octet",
    "MLP-103": "the block has no CR behind its end octet",
    "MLP-104": "the block has no end octets: another one begins",
    "MLP-105": "the end octet stands inside a payload",
    "MLP-106": "the start octet stands inside a payload",
    "MLP-107": "the stream ends inside a block",
    "MLP-110": "the payload is longer than the limit",
    "MLP-111": "the payload holds octets that would be read as an edge of a block",
    "MLP-201": "no adapter took the message, which is kept whole",
    # MDER and IEEE 11073-20601, wire.
    "MDR-001": "the octets end before the structure does",
    "MDR-002": "octets are left over after the structure",
    "MDR-003": "a sequence states more elements than its octets can hold",
    "MDR-004": "the number does not fit the floating-point type without changing its digits",
    "PHD-101": "the APDU ends before the length that it states",
    "PHD-102": "octets follow the APDU",
    "PHD-103": "there is no APDU of this tag",
    "PHD-104": "the value map does not add up to the octets of the observation",
    "PHD-105": "there is no remote operation of this tag",
    "PHD-106": "the stream ends inside an APDU",
    "PHD-107": "no configuration is known by which to decode the observation",
    "PHD-108": "the APDU is not allowed in this state of the association",
    "PHD-110": "the APDU is longer than the limit",
    "PHD-109": "the segment's entry header has a bit that no edition defines",
    # IEEE 11073-20601, adapter.
    "PHX-201": "the time stamp is no date; what of it is possible was kept",
    "PHX-202": "the observation's value does not fit its attribute",
    "PHX-203": "the compound value has not as many members as its metric ids",
    "PHX-204": "the samples do not fit their specification",
    "PHX-205": "the enumeration's form is not known",
    "PHX-206": "the scale of the samples is no finite decimal; its two points are exact",
    "PHX-207": "an attribute stands twice in one list; the last counts",
    "PHX-208": "the report is of an object that measures nothing",
    "PHX-209": "the attributes of one object are longer than the limit",
    # The example adapter.
    "EXA-001": "the line protocol is of an edition that this adapter does not know",
    "EXA-002": "the line's checksum is another than it states",
    "EXA-003": "the line is none of this protocol",
    "EXA-004": "the line is longer than the limit",
    "EXA-005": "the stream ends inside a line",
    # FHIR R4 JSON.
    "FHR-001": "the text is not UTF-8",
    "FHR-002": "the text is not JSON",
    "FHR-003": "an object names a key twice",
    "FHR-004": "a number is NaN or infinite, which JSON does not have",
    "FHR-005": "the text nests deeper than the limit",
    "FHR-006": "a string holds half a surrogate pair",
    "FHR-007": "the text ends inside a value",
    "FHR-008": "the resource is longer than the limit of the read context",
    "FHR-009": "the JSON is not a FHIR resource",
    "FHR-101": "the resource does not fit the canonical model and is kept whole",
    "FHR-102": "the samples cannot be understood and are kept as text",
    "FHR-103": "the samples are not separated by single spaces",
    "FHR-201": "the class library does not accept the resource",
    # HL7 v2 observation messages.
    "ORU-201": "the reference identifier and the number of a device code are of two things",
    "ORU-202": "the value is not a number as its data type writes it",
    "ORU-203": "the date or time does not exist or is not written as its data type writes it",
    "ORU-204": "the encapsulated data cannot be decoded",
    "ORU-205": "there are no samples where a waveform should be",
    "ORU-206": "some samples of a waveform are no numbers",
    "ORU-301": "no record takes this segment",
    "ORU-302": "the segment repeats a record of the same message",
    "ORU-303": "the caller's subject stands in for a person without an identifier",
    "ORU-304": "the batch segment is no message",
    # Declarative mappings.
    "MAP-001": "the declarative mapping is not valid",
    "MAP-101": "the text is not in the encoding that the mapping states",
    "MAP-102": "the text is not JSON",
    "MAP-103": "an object names a key twice",
    "MAP-104": "a string holds half a surrogate pair",
    "MAP-105": "the text nests deeper than the limit",
    "MAP-106": "the input ends inside a structure",
    "MAP-107": "the document or the row is longer than the limit",
    "MAP-108": "the text is not XML",
    "MAP-109": "the XML has a document type declaration",
    "MAP-110": "the XML is in an encoding whose octets cannot be accounted for",
    "MAP-111": "a cell goes on behind its closing quote, or has a quote inside",
    "MAP-112": "the table has none of the columns that the mapping reads",
    "MAP-113": "the row has another number of cells than the header",
    "MAP-201": "no rule takes the row",
    "MAP-202": "the value is not of the kind that the mapping states; kept as text",
    "MAP-203": "the date or time does not exist or is not written as the mapping states",
    "MAP-204": "the mapping's table has no entry for the source's word",
    "MAP-205": "what the rule gives does not fit the canonical model",
    "MAP-206": "the samples are no numbers, or too large",
    "MAP-207": "the table lacks a column that the mapping reads",
    "MAP-208": "the mapping passes over the line",
    "MAP-301": "the mapping has a key that is not known here",
    "MAP-302": "the mapping has a value that is not valid here, or lacks one",
    "MAP-303": "the unit is no UCUM unit that this library knows",
    "MAP-304": "the code is not known in its system",
    "MAP-305": "the code and its reference identifier or display are of two things",
    "MAP-306": "the unit does not measure what the code means",
    "MAP-307": "the rule can never be reached: an earlier one stops on the same rows",
    "MAP-308": "the rule's conditions contradict each other",
    "MAP-309": "two rules are the same",
    "MAP-310": "the time has no zone or offset: it stays local",
    "MAP-311": "the table is not defined, is empty, or lacks a word that a condition asks for",
    "MAP-312": "nothing reads the table",
    # Consent, access and minimisation.
    "PRV-101": "the consent is not JSON",
    "PRV-102": "the resource is not a FHIR Consent",
    "PRV-103": "the consent is longer or nests deeper than the limit",
    "PRV-201": "the policy file is not valid",
    "PRV-202": "access is denied",
    "PRV-203": "the access token is not valid here",
    "PRV-204": "there is no such record, or it may not be seen",
    "PRV-205": "the vault is guarded: it opens only under its policy, with its audit log",
    "PRV-301": "the minimisation policy is not valid",
    "PRV-302": "no minimisation policy allows this purpose",
    # Audit trail and agreements.
    "AUD-001": "the audit trail does not take the event: nothing may be released",
    "AUD-002": "the audit trail is not what was written",
    "AUD-003": "the checkpoint is not valid, or not of this audit trail",
    "AGR-001": "the policy file is not valid",
    "AGR-002": "the advisory is not a CSAF 2.0 document",
    "AGR-003": "no agreement in force covers the disclosure",
    # Vault and cryptography.
    "SEC-001": "the data cannot be decrypted: wrong key or changed data",
    "SEC-002": "no key is available",
    "SEC-003": "the vault is open for writing elsewhere",
    "SEC-004": "the stored data is not what was written",
    "SEC-005": "the vault's format version is not supported",
    "SEC-006": "the storage does not take the change: disk full, or no permission",
    "SEC-007": "this is not a vault",
    "SEC-010": "a legal hold stands: nothing is erased",
    "SEC-011": "the vault is not what its checkpoint says",
    "SEC-012": "the database that keeps the vault cannot be reached",
    "SEC-013": "others than its owner may read the key file",
}
"""Every code and what it means; the pages of the documentation are made of it."""


class IomtError(Exception):
    """Base of every error of this library.

    Parameters
    ----------
    code : str
        Stable identifier, a key of :data:`CODES`, for instance ``"HL7-101"``.
    path : str, optional
        Where in the structure, in the field's own notation (``"PID-3[2].4"``). Never a value.
    span : tuple of int, optional
        Half-open byte range of the input.
    clause : str, optional
        The clause of the standard that was broken.
    hint : str, optional
        What the caller can do. Never a value.
    """

    fault: ClassVar[str] = "unknown"

    def __init__(
        self,
        code: str,
        *,
        path: str | None = None,
        span: Span | None = None,
        clause: str | None = None,
        hint: str | None = None,
    ) -> None:
        if type(self) in _ABSTRACT:
            raise TypeError(f"{type(self).__name__} is a base class: raise one of its leaves")
        self.code = code
        self.path = path
        self.span = span
        self.clause = clause
        self.hint = hint
        super().__init__(code)

    def __str__(self) -> str:
        parts = [f"{self.code}: {CODES.get(self.code, 'undocumented error')}"]
        if self.path is not None:
            parts.append(f"at {self.path}")
        if self.span is not None:
            parts.append(f"bytes {self.span[0]}..{self.span[1]}")
        if self.clause is not None:
            parts.append(f"({self.clause})")
        if self.hint is not None:
            parts.append(f"[{self.hint}]")
        return " ".join(parts)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.code, self.path, self.span, self.clause, self.hint))


def _rebuild(
    kind: type[IomtError],
    code: str,
    path: str | None,
    span: Span | None,
    clause: str | None,
    hint: str | None,
) -> IomtError:
    return kind(code, path=path, span=span, clause=clause, hint=hint)


class InputError(IomtError):
    """The bytes are at fault."""

    fault = "input"


class UnrecognisedFormat(InputError):
    """No adapter claims the source."""


class SourceUnavailable(InputError):
    """The source cannot be opened or read; the hint says why."""


class AmbiguousFormat(InputError):
    """Several adapters claim the source with equal evidence; the hint lists their ids."""

    @property
    def candidates(self) -> tuple[str, ...]:
        """The adapters' ids."""
        return tuple(self.hint.split(", ")) if self.hint else ()


class TruncatedInput(InputError):
    """The input ends inside a structure."""


class MalformedInput(InputError):
    """The input breaks its own standard."""


class IntegrityMismatch(InputError):
    """A checksum or digest of the input does not agree with its bytes."""


class LimitExceeded(InputError):
    """The input asks for more than the read context allows."""


class UnsupportedVersion(InputError):
    """The input is of a version this library does not know."""


class UnsupportedFeature(InputError):
    """The input is well formed but uses something this library cannot read."""


class ModelError(IomtError):
    """The meaning is at fault, not the bytes."""

    fault = "model"


class InvalidRecord(ModelError):
    """A record does not fit the canonical model."""


class UnknownCode(ModelError):
    """A code is not in its system."""


class UnitMismatch(ModelError):
    """Two units measure different things."""


class TimeError(ModelError):
    """A date or time cannot be understood."""


class OutputError(IomtError):
    """The target format is at fault."""

    fault = "output"


class NotRepresentable(OutputError):
    """The target format cannot say this at all."""


class DeliveryFailed(OutputError):
    """The message was sent in vain, or nobody knows whether it arrived; sent again as it is, it counts once."""


class UsageError(IomtError):
    """The caller is at fault."""

    fault = "caller"


class InvalidRequest(UsageError):
    """An argument or a state does not allow the call."""


class AdapterError(IomtError):
    """A plug-in is at fault."""

    fault = "adapter"


class AdapterNotFound(AdapterError):
    """No adapter has this id."""


class AdapterUnavailable(AdapterError):
    """The adapter is installed but cannot be loaded."""


class AdapterRefused(AdapterError):
    """The allow-list does not permit the adapter."""


class AdapterContractError(AdapterError):
    """The adapter's manifest or behaviour breaks the contract."""


class SecurityError(IomtError):
    """Keys, ciphertext or policy do not allow the operation."""

    fault = "security"


class DecryptionFailed(SecurityError):
    """Ciphertext did not authenticate; one text for all causes, so that nothing can be probed."""


class KeyUnavailable(SecurityError):
    """No key is at hand."""


class StoreDamaged(SecurityError):
    """The stored data is not what was written."""


class StoreUnavailable(SecurityError):
    """The place where the vault is kept cannot be reached; what was acknowledged before is kept."""


class AccessDenied(SecurityError):
    """The guard does not permit the operation; the hint is the reason's code."""


class AuditUnavailable(SecurityError):
    """The audit trail cannot take an event; what it was to record does not happen."""


class ChannelRefused(SecurityError):
    """The two ends do not trust each other, or speak no common protocol."""


class VaultLocked(SecurityError):
    """Another process writes to the vault."""


class LegalHold(SecurityError):
    """What must be kept is not erased."""


_ABSTRACT: Final[frozenset[type]] = frozenset(
    {IomtError, InputError, ModelError, OutputError, UsageError, AdapterError, SecurityError}
)
