"""Importing the package is cheap and pulls in nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "pydicom",
    "lxml",
    "fhir",
    "fhir_core",
    "hl7apy",
    "pyarrow",
    "cryptography",
    "sqlalchemy",
    "typer",
    "rich",
    "pydantic",
)


def modules_after(code: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter has loaded after some code."""
    command = [
        sys.executable,
        "-I",
        "-c",
        f"{code}\nimport sys; print(' '.join({{m.split('.')[0] for m in sys.modules}}))",
    ]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_import_loads_nothing_heavy() -> None:
    assert not modules_after("import iomt_interop") & set(HEAVY)


@pytest.mark.parametrize("call", ["adapters()", "sniff(b'MSH|^~\\\\&|')"])
def test_listing_and_sniffing_load_no_codec_library(call: str) -> None:
    loaded = modules_after(f"import iomt_interop as iomt; iomt.{call}")
    assert not loaded & (set(HEAVY) - {"pydantic"})


def test_the_facade_has_what_it_promises() -> None:
    import iomt_interop as iomt

    for name in iomt.__all__:
        assert getattr(iomt, name) is not None
    assert set(iomt.__all__) <= set(dir(iomt))
    assert callable(iomt.translate)
    with pytest.raises(AttributeError):
        _ = iomt.no_such_thing
