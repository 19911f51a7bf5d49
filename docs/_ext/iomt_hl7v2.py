"""The tables of HL7 v2 data types."""

from __future__ import annotations

from iomt_rst import literal, table

from iomt_interop.wire.hl7v2.types import PRIMITIVES, TYPE_NAMES, VERSIONS, components

__all__ = ["composites", "kinds"]

_KINDS = (
    ("NM, SI", ":class:`~iomt_interop.wire.hl7v2.types.Number`: a decimal with its written precision"),
    ("DT, DTM, TS", ":class:`~iomt_interop.wire.hl7v2.types.DateTime`: precision, offset, and the degree of a TS"),
    ("TM", ":class:`~iomt_interop.wire.hl7v2.types.TimeOfDay`"),
    ("ST, TX, FT, ID, IS, GTS, SNM, TN",
     ":class:`str`; :class:`~iomt_interop.wire.hl7v2.types.Text` where escaping it would not write the same octets"),
    ("NA, MA", ":class:`~iomt_interop.wire.hl7v2.types.Samples`: integers of one exponent; one for each repetition"),
    ("SN", ":class:`~iomt_interop.wire.hl7v2.types.StructuredNumber`: comparator, range, ratio"),
    ("ED", ":class:`~iomt_interop.wire.hl7v2.types.Encapsulated`: its octets from Base64, hexadecimal or text"),
    ("all composites", ":class:`~iomt_interop.wire.hl7v2.types.Composite`: components by name and by number"),
    ("what does not fit, and unknown types", ":class:`~iomt_interop.wire.hl7v2.types.Raw`: verbatim, with a doubt"),
    ('``""``', "``Presence.NULL``"),
    ("nothing", "``None``"),
)  # fmt: skip


def kinds() -> list[str]:
    """Return what becomes of which type."""
    return table(("data type", "value"), _KINDS, widths=(25, 75))


def composites() -> list[str]:
    """Return the components of each composite."""
    rows = []
    for name in sorted(TYPE_NAMES - PRIMITIVES - {"CM"}):
        parts = components(name)
        since = next(version for version in VERSIONS if components(name, version) == components(name))
        words = (f"{part.position} {part.name}: {part.type_name}" for part in parts)
        shown = (f"({word})" if part.withdrawn else word for word, part in zip(words, parts, strict=True))
        rows.append((literal(name), since, ", ".join(shown)))
    return table(("type", "as of", "components"), rows, widths=(10, 8, 82))
