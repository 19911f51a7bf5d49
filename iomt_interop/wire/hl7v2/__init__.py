"""HL7 v2 in its own terms: messages, segments, fields, repetitions, components, subcomponents (ER7 encoding)."""

from __future__ import annotations

from .charset import codec_name
from .delimiters import Delimiters
from .escapes import Syntax, escape, unescape
from .message import NULL, Diagnostic, Message, Part, Presence, Segment, TextSyntax
from .parse import MAX_MESSAGE, edit, parse
from .path import Path, parse_path
from .split import MessageSplitter, iter_messages

__all__ = [
    "MAX_MESSAGE",
    "NULL",
    "Delimiters",
    "Diagnostic",
    "Message",
    "MessageSplitter",
    "Part",
    "Path",
    "Presence",
    "Segment",
    "Syntax",
    "TextSyntax",
    "codec_name",
    "edit",
    "escape",
    "iter_messages",
    "parse",
    "parse_path",
    "unescape",
]
