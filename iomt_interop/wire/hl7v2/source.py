"""Whatever octets can come from; nothing is opened here but what opens itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from mmap import mmap
from typing import Any, BinaryIO, Final, Protocol, TypeAlias

from ...errors import InvalidRequest, SourceUnavailable

__all__ = ["Input", "Openable", "chunks"]

_CHUNK: Final = 1 << 20


class Openable(Protocol):
    """A path that opens itself: :class:`pathlib.Path`, :class:`zipfile.Path`, a resource of a package."""

    @property
    def open(self) -> Callable[..., Any]:
        """Open it; called with the mode ``"rb"``."""


Input: TypeAlias = bytes | bytearray | memoryview | mmap | str | BinaryIO | Openable
"""What can be read: octets in memory or mapped, text, a binary stream, a path that opens itself."""


def chunks(source: Input) -> Iterator[bytes | memoryview]:
    """Yield the octets of a source in pieces.

    Raises
    ------
    InvalidRequest
        ``USE-001`` for what is none of :data:`Input`, a stream of text for instance.
    SourceUnavailable
        ``SRC-004`` when it cannot be opened or read.
    """
    if isinstance(source, str):
        source = source.encode("utf-8", "surrogatepass")
    try:
        view = memoryview(source)  # type: ignore[arg-type]
    except TypeError:
        yield from _streamed(source)
        return
    with view if view.contiguous else memoryview(bytes(view)) as flat, flat.cast("B") as octets:
        for at in range(0, len(octets), _CHUNK):
            yield octets[at : at + _CHUNK]


def _streamed(source: Any) -> Iterator[bytes]:
    if not hasattr(source, "read"):
        if not callable(getattr(source, "open", None)):
            raise InvalidRequest("USE-001", hint="octets, text, a binary stream, or a path that opens itself")
        try:
            stream = source.open("rb")
        except OSError:
            raise SourceUnavailable("SRC-004") from None
        with stream:
            yield from _streamed(stream)
        return
    while True:
        try:
            chunk = source.read(_CHUNK)
        except OSError:
            raise SourceUnavailable("SRC-004") from None
        if isinstance(chunk, str):
            raise InvalidRequest("USE-001", hint="a binary stream")
        if not chunk:
            return
        yield chunk
