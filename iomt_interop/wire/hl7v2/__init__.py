"""HL7 v2 in its own terms: messages, segments, fields, repetitions, components, subcomponents (ER7 encoding).

Data types are in :mod:`iomt_interop.wire.hl7v2.types`.
"""

from __future__ import annotations

from .batch import Batch, BatchFile, iter_messages, read_batches
from .charset import codec_name
from .continuation import Joiner, join_continued
from .delimiters import Delimiters
from .edits import append_segment, delete, edit, insert, insert_segment, remove_segment
from .escapes import Syntax, escape, unescape
from .message import NULL, Diagnostic, Message, Part, Presence, Segment, TextSyntax
from .parse import MAX_MESSAGE, parse
from .path import Path, parse_path
from .render import render
from .source import Input, Openable
from .split import MessageSplitter

__all__ = [
    "MAX_MESSAGE",
    "NULL",
    "Batch",
    "BatchFile",
    "Delimiters",
    "Diagnostic",
    "Input",
    "Joiner",
    "Message",
    "MessageSplitter",
    "Openable",
    "Part",
    "Path",
    "Presence",
    "Segment",
    "Syntax",
    "TextSyntax",
    "append_segment",
    "codec_name",
    "delete",
    "edit",
    "escape",
    "insert",
    "insert_segment",
    "iter_messages",
    "join_continued",
    "parse",
    "parse_path",
    "read_batches",
    "remove_segment",
    "render",
    "unescape",
]
