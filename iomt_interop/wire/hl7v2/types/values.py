"""What fields decode to: numbers and texts that know how they were written, composites, samples, and what is neither.

No ``repr`` here shows a value: it may be a patient's.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar, Final, Literal, Self, TypeAlias

from ..escapes import Syntax
from ..message import Presence
from .table import Component, components, components_up_to
from .times import DateTime, TimeOfDay

__all__ = [
    "Composite", "DateTime", "Encapsulated", "Number", "Raw", "Samples", "StructuredNumber", "Text", "TimeOfDay",
    "Value", "doubts",
]  # fmt: skip


class Number(Decimal):
    """A number (NM, SI) with its written precision: ``2.00`` has two places, and ``text`` keeps ``+7`` or ``007``.

    It is a :class:`~decimal.Decimal` in every other respect.
    """

    __slots__ = ("doubt", "text")
    text: str
    """What was written."""
    doubt: str | None
    """``HL7-131`` where blanks stand around the number or its digits begin or end in the point."""

    def __new__(cls, text: str, doubt: str | None = None) -> Self:
        """Make a number of its text."""
        number = super().__new__(cls, text)
        number.text = text
        number.doubt = doubt
        return number

    def __repr__(self) -> str:
        return "Number(...)"

    def __reduce__(self) -> tuple[type[Number], tuple[str, str | None]]:  # type: ignore[override]
        return type(self), (self.text, self.doubt)


class Text(str):
    r"""A text whose octets are not what :func:`~iomt_interop.wire.hl7v2.escape` would write for it.

    Formatting, hexadecimal sequences and switches of the character set make the difference. It is a :class:`str`
    in every other respect.
    """

    __slots__ = ("syntax", "written")
    written: str
    """How it stands in the message."""
    syntax: Syntax
    """The delimiters that it was written with."""

    def __new__(cls, text: str, written: str, syntax: Syntax) -> Self:
        """Make a text of its meaning and its writing."""
        made = super().__new__(cls, text)
        made.written = written
        made.syntax = syntax
        return made

    def __repr__(self) -> str:
        return "Text(...)"

    def __reduce__(self) -> tuple[type[Text], tuple[str, str, Syntax]]:
        return type(self), (str(self), self.written, self.syntax)


class Raw:
    """What does not fit its data type, or is of a type that no version knows: verbatim, with the reason.

    Attributes
    ----------
    text : str
        What was written, escapes and delimiters included.
    type_name : str
        The data type that was asked for.
    doubt : str
        Code of :data:`iomt_interop.errors.CODES`.
    reading : Value
        What it probably means where the field knows such a writing (``>98`` as NM, ``1,5``, a bare ``&`` in a text);
        else ``None``. A guess: use it knowingly.
    syntax : Syntax
        The delimiters that it was written with.
    """

    __slots__ = ("doubt", "reading", "syntax", "text", "type_name")

    def __init__(self, text: str, type_name: str, doubt: str, syntax: Syntax, reading: Value = None) -> None:
        self.text = text
        self.type_name = type_name
        self.doubt = doubt
        self.syntax = syntax
        self.reading = reading

    def __repr__(self) -> str:
        return f"Raw({self.doubt})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Raw):
            return NotImplemented
        return (self.text, self.type_name, self.doubt) == (other.text, other.type_name, other.doubt)

    def __hash__(self) -> int:
        return hash((self.text, self.type_name, self.doubt))


class Composite:
    r"""A value of several components, by number from 1, by name, or in a row.

    Components that were not written are ``None``; so are empty ones, but they count for :func:`len`.

    Attributes
    ----------
    type_name : str
        Data type.
    version : str
        Version of the standard whose definition names the components.

    Examples
    --------
    >>> from iomt_interop.wire.hl7v2 import parse
    >>> from iomt_interop.wire.hl7v2.types import decode
    >>> message = parse("MSH|^~\\&||||||||||2.6\rPID|||17^^^HOSP&1.2.3&ISO^MR\r")
    >>> number = decode(message.get("PID-3"), "CX")
    >>> number.id_number, number.assigning_authority.universal_id, number[5], number.check_digit_scheme
    ('17', '1.2.3', 'MR', None)
    """

    __slots__ = ("_values", "type_name", "version")

    def __init__(self, type_name: str, values: tuple[Value, ...], version: str) -> None:
        self.type_name = type_name
        self.version = version
        self._values = values

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.type_name}, {len(self)} components)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Composite):
            return NotImplemented
        return (self.type_name, self._values) == (other.type_name, other._values)

    def __hash__(self) -> int:
        return hash((self.type_name, self._values))

    def __len__(self) -> int:
        """Return how many components were written."""
        return len(self._values)

    def __iter__(self) -> Iterator[Value]:
        return iter(self._values)

    def __getitem__(self, number: int) -> Any:
        """Return a component by its number; ``None`` beyond the end."""
        if number < 1:
            raise IndexError("components are numbered from 1")
        return self._values[number - 1] if number <= len(self._values) else None

    def __getattr__(self, name: str) -> Any:
        """Return a component by its name in :func:`~iomt_interop.wire.hl7v2.types.components`."""
        if not name.startswith("_"):
            for component in self.definition:
                if component.name == name:
                    return self[component.position]
        raise AttributeError(f"{self.type_name} has no such component")

    def __dir__(self) -> list[str]:
        return [*object.__dir__(self), *(component.name for component in self.definition)]

    @property
    def definition(self) -> tuple[Component, ...]:
        """Names and types of the components; with those of later versions where the value has as many."""
        return components_up_to(len(self._values), self.type_name, self.version)

    def named(self) -> dict[str, Value]:
        """Return the components that hold something, by name (``component_23`` for one beyond the definition)."""
        names = {component.position: component.name for component in self.definition}
        return {
            names.get(number, f"component_{number}"): value
            for number, value in enumerate(self._values, 1)
            if value is not None
        }


class StructuredNumber(Composite):
    """A structured number (SN): ``>^98``, ``^100^-^200``, ``^1^:^128``, ``^2^+`` (HL7 v2.8 ch. 2.A.70)."""

    __slots__ = ()

    @property
    def relation(self) -> str:
        """The comparator; ``=`` where none is written."""
        return self[1] if isinstance(self[1], str) else "="

    @property
    def bounds(self) -> tuple[Decimal, Decimal] | None:
        """Both ends of a range; ``None`` when it is none."""
        first, second = self[2], self[4]
        both = isinstance(first, Decimal) and isinstance(second, Decimal)
        return (first, second) if both and self[3] == "-" else None

    @property
    def ratio(self) -> Fraction | None:
        """The exact ratio; ``None`` when it is none or divides by zero."""
        first, second = self[2], self[4]
        if not isinstance(first, Decimal) or not isinstance(second, Decimal) or self[3] not in (":", "/") or not second:
            return None
        return Fraction(first) / Fraction(second)


_COMPARATORS: Final = frozenset({">", "<", ">=", "<=", "=", "<>"})
_SEPARATORS: Final = frozenset({"-", "+", "/", ".", ":"})
"""Of an SN (HL7 v2.8 ch. 2.A.71); nothing else may stand in its first and third component."""

_NOT_DATA: Final = re.compile(r"\s+|\\\.(?:br|sp\d{0,3})\\|\\X0[AaDd]\\")


class Encapsulated(Composite):
    """Encapsulated data (ED): a document or picture in the message (HL7 v2.8 ch. 2.A.24)."""

    __slots__ = ()

    def octets(self) -> bytes | None:
        """Return the content, decoded as its fourth component says; ``None`` when it is not written so.

        Line breaks inside are passed over, as sequences too. ``A`` is no encoding: the text in UTF-8.
        """
        data, encoding = self[5], self[4]
        if not isinstance(data, str):
            return None
        kind = encoding.strip().lower() if isinstance(encoding, str) else ""
        try:
            if kind == "base64":
                return binascii.a2b_base64(_NOT_DATA.sub("", data), strict_mode=True)
            if kind == "hex":
                return binascii.unhexlify(_NOT_DATA.sub("", data))
            return data.encode() if kind in ("a", "") else None
        except (ValueError, UnicodeEncodeError):
            return None


class Samples:
    """Samples of a waveform (NA, or one row of MA): integers that share one exponent.

    Attributes
    ----------
    exponent : int
        Power of ten.
    text : str
        What was written.
    syntax : Syntax
        The delimiters that it was written with.
    """

    __slots__ = ("_mantissas", "_marks", "exponent", "syntax", "text")
    doubt: ClassVar[None] = None

    def __init__(self, mantissas: bytes, exponent: int, marks: bytes | None, text: str, syntax: Syntax) -> None:
        self._mantissas = mantissas
        self._marks = marks
        self.exponent = exponent
        self.text = text
        self.syntax = syntax

    def __repr__(self) -> str:
        return f"Samples({len(self)})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Samples):
            return NotImplemented
        return self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __len__(self) -> int:
        return len(self._mantissas) // 8

    @property
    def mantissas(self) -> memoryview:
        """``int64``: the samples without their power of ten; 0 where one is missing."""
        return memoryview(self._mantissas).cast("q")

    @property
    def missing(self) -> bytes | None:
        """One octet per sample, 1 where nothing was written; ``None`` when none is missing."""
        return self._marks

    def __iter__(self) -> Iterator[Decimal | None]:
        marks = self._marks or bytes(len(self))
        for mantissa, mark in zip(self.mantissas, marks, strict=True):
            yield None if mark else Decimal(mantissa).scaleb(self.exponent)


Value: TypeAlias = (
    str | Number | DateTime | TimeOfDay | Composite | Samples | Raw | Literal[Presence.NULL] | tuple[Any, ...] | None
)
"""What a field, repetition, component or subcomponent decodes to: ``None`` for nothing, ``Presence.NULL`` for the
explicit null, a tuple for a field that repeats."""


def doubts(value: Value, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield path and code of everything in a value that is not written as its data type demands.

    Parameters
    ----------
    value : Value
        What :func:`~iomt_interop.wire.hl7v2.types.decode` returned.
    path : str, optional
        Path of the value itself.
    """
    if isinstance(value, tuple):
        for number, each in enumerate(value, 1):
            yield from doubts(each, f"{path}[{number}]")
    elif isinstance(value, Composite):
        known = len(components(value.type_name, value.version))
        for number, each in enumerate(value, 1):
            if number > known and each is not None and value.type_name != "CM":
                yield f"{path}.{number}", "HL7-135"
            yield from doubts(each, f"{path}.{number}")
        if isinstance(value, StructuredNumber):
            for number, allowed in ((1, _COMPARATORS), (3, _SEPARATORS)):
                if isinstance(value[number], str) and value[number] not in allowed:
                    yield f"{path}.{number}", "HL7-130"
        if isinstance(value, Encapsulated) and isinstance(value[5], str) and value.octets() is None:
            yield f"{path}.5", "HL7-136"
    elif isinstance(value, Number | DateTime | TimeOfDay | Raw) and value.doubt is not None:
        yield path, value.doubt
