"""Files that people write are read in bounded time and memory, and refused in the project's own words."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from iomt_interop.errors import AdapterContractError, IomtError
from iomt_interop.guarded import PolicySet
from iomt_interop.plugins.allow import parse_allow_list
from iomt_interop.plugins.manifest import parse_manifest
from iomt_interop.plugins.mapping.schema import check_mapping
from iomt_interop.privacy.access import AccessPolicy
from iomt_interop.privacy.agreements import load_policy
from iomt_interop.privacy.minimise import MinimisationPolicy
from iomt_interop.testing.options import OPTIONS_FILE, load_options

HOSTILE = {
    "an integer of many digits": "version = " + "9" * 5_000,
    "an integer of many hexadecimal digits": "version = 0x" + "f" * 5_000,
    "a key of many parts": "a." * 20_000 + "b = 1",
    "a key of many parts with blanks": "version = 1\n" + "a . " * 20_000 + "b = 1",
    "a key of many quoted parts": "\"a\".'a'." * 10_000 + "b = 1",
    "a table of many parts": "[" + "a." * 20_000 + "b]",
    "an inline table with a key of many parts": "x = {" + "a." * 20_000 + "b = 1}",
    "arrays in arrays": "a = " + "[" * 100_000,
    "tables in tables": "a = " + "{a = " * 50_000,
    "a day that there is not": "a = 2026-02-30",
}


def _mapping(text: str) -> None:
    _, problems = check_mapping(text)
    assert [problem.code for problem in problems] == ["MAP-302"]
    raise AdapterContractError("MAP-001")


LOADERS: dict[str, Callable[[str], object]] = {
    "agreements": lambda text: load_policy(text.encode()),
    "access": AccessPolicy.from_toml,
    "minimisation": MinimisationPolicy.from_toml,
    "policies": lambda text: PolicySet.of([text.encode()]),
    "allow-list": parse_allow_list,
    "manifest": parse_manifest,
    "mapping": _mapping,
}


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_refused_at_once(loader: str, text: str) -> None:
    start = time.process_time()
    with pytest.raises(IomtError):
        LOADERS[loader](text)
    assert time.process_time() - start < 2


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_options_of_the_kit_are_refused_at_once(tmp_path: Path, text: str) -> None:
    (tmp_path / OPTIONS_FILE).write_text(text)
    with pytest.raises(IomtError):
        load_options(tmp_path)
