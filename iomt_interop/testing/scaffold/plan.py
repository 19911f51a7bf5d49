"""Which templates make which files, and what stands in their gaps; tables only."""

from __future__ import annotations

from typing import Final, Literal, get_args

__all__ = [
    "CUTTERS",
    "END_MARKS",
    "ERRORS",
    "FIELD_EXTRA",
    "FIELD_NAME",
    "FILES",
    "FRAMINGS",
    "FRAMING_WORDS",
    "IGNORED",
    "JSON_UNIT",
    "MAGIC",
    "MEDIA",
    "MEDIUM_WORDS",
    "STDLIB",
    "SUFFIXES",
    "XML_UNIT",
    "Framing",
    "Medium",
    "input_part",
]

Medium = Literal["file", "stream", "message", "directory"]
Framing = Literal["binary", "line", "xml", "json", "csv"]

MEDIA: Final[tuple[Medium, ...]] = get_args(Medium)
FRAMINGS: Final[tuple[Framing, ...]] = get_args(Framing)

FILES: Final[dict[str, str]] = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "LICENSE": "LICENSE",
    ".gitignore": "gitignore",
    ".ci/run": "ci_run",
    ".github/workflows/ci.yml": "ci.yml",
    "fixtures/SOURCE.toml": "SOURCE.toml",
    "tests/test_conformance.py": "test_conformance.py",
    "tests/test_tables.py": "test_tables.py",
    "{id}/adapter.toml": "adapter.toml",
    "{id}/__init__.py": "init.py",
    "{id}/codes.py": "codes.py",
    "{id}/convert.py": "convert.py",
    "{id}/cut.py": "cut.py",
    "{id}/decode.py": "decode.py",
    "{id}/reader.py": "reader.py",
    "{id}/tables.py": "tables.py",
    "{id}/unit.py": "unit.py",
    "{id}/walk.py": "walk.py",
}
"""Path in the new package to the name of its template, which is looked for with the framing's own first."""

CUTTERS: Final[dict[Framing, tuple[str, str]]] = {
    "binary": ("framed", "framed"),
    "line": ("delimited", "delimited"),
    "csv": ("quoted", "quoted"),
    "json": ("whole", "delimited"),
    "xml": ("whole", "delimited"),
}
"""How the input is cut: in a file, message or directory, and in a stream."""

END_MARKS: Final[dict[Framing, str]] = {"line": r"\n", "json": r"\n", "xml": r"</{id}>\n"}

SUFFIXES: Final[dict[Framing, str]] = {
    "binary": ".bin", "line": ".txt", "csv": ".csv", "json": ".json", "xml": ".xml",
}  # fmt: skip

MAGIC: Final[dict[Framing, bytes]] = {
    "binary": b"\xaa\x55\x0f\x01",
    "line": b"#{UPPER};",
    "csv": b"{id},",
    "json": b'{"format":"{id}"',
    "xml": b"<{id}>",
}
"""The first octets of every input."""

IGNORED: Final[dict[Framing, tuple[str, str]]] = {
    "json": (r"(?<=[}\],])\s+(?=[{\"]|\Z)", "blanks between the tokens of JSON"),
    "xml": (r"(?<=>)\s+(?=<|\Z)", "blanks between elements"),
}
"""Octets without meaning, as a regular expression, and why."""

FIELD_NAME: Final[dict[Framing, str]] = {
    "binary": "Name of the field.",
    "line": "Name of the field.",
    "csv": "Name of the column.",
    "json": "Path of the field in its object, with ``/``.",
    "xml": "Path of the element below the root or the reading, with ``/``.",
}

FIELD_EXTRA: Final[dict[Framing, str]] = {
    "binary": '''
    offset: int = 0
    """Where the field begins in the payload."""
    type: str = "B"
    """Its layout as of :mod:`struct`, without the byte order."""''',
    "line": '''
    column: int = 0
    """Number of its cell; the first word of the line is cell 0."""''',
}

FRAMING_WORDS: Final[dict[Framing, str]] = {
    "binary": "binary frames with a checksum",
    "line": "lines of cells with a checksum",
    "csv": "CSV",
    "json": "JSON",
    "xml": "XML",
}

MEDIUM_WORDS: Final[dict[Medium, str]] = {
    "file": "a file with a header and readings",
    "stream": "a stream that need not end",
    "message": "messages that are read when they are whole",
    "directory": "a folder with a file about the device and files of readings",
}

JSON_UNIT: Final[dict[bool, str]] = {
    False: "One JSON document:",
    True: "Documents of JSON, each on one line that ends in LF (here wrapped for reading):",
}
XML_UNIT: Final[dict[bool, str]] = {
    False: "One XML document:",
    True: "XML documents one after another; each ends with its root's end tag and LF, which stand nowhere else:",
}
"""By whether the medium is a stream."""

ERRORS: Final = ("InputError", "IntegrityMismatch", "MalformedInput", "UnsupportedVersion")
"""What the reader imports of the library's errors in any case."""

STDLIB: Final = {
    "collections.abc": "Generator, Iterable, Iterator, Sequence",
    "hashlib": "sha256",
    "typing": "Final, Literal",
}


def input_part(framing: Framing, medium: Medium) -> str:
    """Return the template with ``feed`` and ``finish``; a document needs no other buffer to be a message."""
    if medium == "directory":
        return "directory"
    return "message" if medium == "message" and CUTTERS[framing][0] != "whole" else "direct"
