"""The taxonomy: bases cannot be raised, texts come from the table alone, errors survive pickling."""

from __future__ import annotations

import pickle

import pytest

from iomt_interop import errors


def leaves() -> list[type[errors.IomtError]]:
    """Return every error class that can be raised."""
    found, todo = [], [errors.IomtError]
    while todo:
        children = todo.pop().__subclasses__()
        todo += children
        found += [c for c in children if not c.__subclasses__() and c.__module__ == errors.__name__]
    return found


@pytest.mark.parametrize(
    "base",
    [
        errors.IomtError,
        errors.InputError,
        errors.ModelError,
        errors.OutputError,
        errors.UsageError,
        errors.AdapterError,
        errors.SecurityError,
    ],
)
def test_a_base_says_whose_fault_it_was_and_is_never_raised(base: type[errors.IomtError]) -> None:
    with pytest.raises(TypeError):
        base("SRC-001")


@pytest.mark.parametrize("leaf", leaves(), ids=lambda c: c.__name__)
def test_a_leaf_tells_code_path_span_and_survives_pickling(leaf: type[errors.IomtError]) -> None:
    error = leaf("SRC-001", path="PID-3[2].4", span=(3, 7), clause="HL7 v2.8 ch. 2.7", hint="see there")
    text = "SRC-001: the source is empty at PID-3[2].4 bytes 3..7 (HL7 v2.8 ch. 2.7) [see there]"
    assert str(error) == text
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back), back.span) == (leaf, text, (3, 7))
    assert error.fault in {"input", "model", "output", "caller", "adapter", "security"}


def test_every_leaf_is_exported() -> None:
    assert {leaf.__name__ for leaf in leaves()} <= set(errors.__all__)


def test_codes_are_well_formed() -> None:
    for code, text in errors.CODES.items():
        prefix, _, number = code.partition("-")
        assert prefix.isupper()
        assert number.isdigit()
        assert text == text.strip()
        assert not text.endswith(".")
