"""The difference between two JSON trees as a list of edits, kept as extensions of a record.

A reader emits what it understood, compares it with what it read and keeps the difference; a writer emits the
record and applies the edits. So a resource comes back as it was, and an edit whose place has changed since is
left out and reported, never applied blindly.

An edit is a JSON pointer (RFC 6901), the digest of what is expected there, and the new text::

    /meta/profile                add; in an array, insert before the index
    /status@1f0c...              replace what has this digest, or remove it when there is no text
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from hashlib import blake2b
from typing import Any, Final

from ...model import Extension
from .jsontext import MAX_DEPTH, dumps, parse

__all__ = ["NAMESPACE", "apply", "diff", "is_edit"]

NAMESPACE: Final = "fhir_r4"
_MAX_ALIGN: Final = 200
"""Longest array that is aligned element by element; longer ones that differ in length are replaced."""

Edit = tuple[str, str | None, str | None]
"""Pointer, digest of the expected text (None: nothing there yet), new text (None: remove)."""


def diff(emitted: Any, wanted: Any) -> tuple[Extension, ...]:
    """Return the edits that turn one tree into the other, in the order of application."""
    return tuple(
        Extension(namespace=NAMESPACE, path=_path(pointer, expected), value=text)
        for pointer, expected, text in _diff(emitted, wanted, "")
    )


def is_edit(extension: Extension) -> bool:
    """Tell whether an extension is an edit of this module: its path is a pointer."""
    return extension.namespace == NAMESPACE and (extension.path == "" or extension.path[0] in "/@")


def apply(tree: Any, edits: Sequence[Extension]) -> tuple[Any, list[str]]:
    """Apply edits to a tree in place.

    Returns
    -------
    tuple
        The tree, and the paths of the edits whose place was not as expected.
    """
    failed: list[str] = []
    for edit in edits:
        pointer, separator, expected = edit.path.rpartition("@")
        if not separator:
            pointer, expected = edit.path, ""
        if pointer == "" and expected == _digest(tree) and edit.value is not None:
            tree = parse(edit.value.encode(), max_depth=MAX_DEPTH)
        elif not _edit(tree, pointer, expected, edit.value):
            failed.append(pointer)
    return tree, failed


def _edit(tree: Any, pointer: str, expected: str, text: str | None) -> bool:
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    if not parts:
        return False
    for part in parts[:-1]:
        key = _key(tree, part)
        if key is None or not _has(tree, key):
            return False
        tree = tree[key]
    key = _key(tree, parts[-1])
    if key is None:
        return False
    value = None if text is None else parse(text.encode(), max_depth=MAX_DEPTH)
    if not expected:
        return _add(tree, key, value, text is not None)
    if not _has(tree, key) or _digest(tree[key]) != expected:
        return False
    if text is None:
        del tree[key]
    else:
        tree[key] = value
    return True


def _add(tree: Any, key: str | int, value: Any, present: bool) -> bool:
    if not present or (isinstance(tree, dict) and key in tree):
        return False
    if isinstance(tree, list):
        if int(key) > len(tree):
            return False
        tree.insert(int(key), value)
    else:
        tree[key] = value
    return True


def _key(tree: Any, part: str) -> str | int | None:
    if isinstance(tree, dict):
        return part
    if isinstance(tree, list) and part.isascii() and part.isdigit() and len(part) < 10:
        return int(part)
    return None


def _has(tree: Any, key: str | int) -> bool:
    return key in tree if isinstance(tree, dict) else int(key) < len(tree)


def _path(pointer: str, expected: str | None) -> str:
    if expected is None:
        return pointer + "@" if "@" in pointer else pointer
    return f"{pointer}@{expected}"


def _digest(tree: Any) -> str:
    return blake2b(dumps(tree).encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def _diff(old: Any, new: Any, pointer: str) -> Iterator[Edit]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _diff_objects(old, new, pointer)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _diff_arrays(old, new, pointer)
    elif type(old) is not type(new) or old != new:
        yield pointer, _digest(old), dumps(new)


def _diff_objects(old: dict[str, Any], new: dict[str, Any], pointer: str) -> Iterator[Edit]:
    for key, value in old.items():
        if key not in new:
            yield f"{pointer}/{_escape(key)}", _digest(value), None
        elif type(value) is not str or value != new[key] or type(new[key]) is not str:
            yield from _diff(value, new[key], f"{pointer}/{_escape(key)}")
    for key, value in new.items():
        if key not in old:
            yield f"{pointer}/{_escape(key)}", None, dumps(value)


def _diff_arrays(old: list[Any], new: list[Any], pointer: str) -> Iterator[Edit]:
    if len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _diff(before, after, f"{pointer}/{index}")
        return
    if max(len(old), len(new)) > _MAX_ALIGN:
        yield pointer, _digest(old), dumps(new)
        return
    at = 0
    matcher = SequenceMatcher(None, [dumps(item) for item in old], [dumps(item) for item in new], autojunk=False)
    for _, first, last, start, stop in matcher.get_opcodes():
        common = min(last - first, stop - start)
        for index in range(common):
            yield from _diff(old[first + index], new[start + index], f"{pointer}/{at + index}")
        at += common
        for index in range(first + common, last):
            yield f"{pointer}/{at}", _digest(old[index]), None
        for index in range(start + common, stop):
            yield f"{pointer}/{at}", None, dumps(new[index])
            at += 1


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
