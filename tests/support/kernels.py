"""Both implementations of a kernel."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

__all__ = ["each", "outcome", "pair"]


def pair(name: str) -> tuple[ModuleType, ModuleType]:
    """Return the pure twin and the compiled kernel, or skip and say which is missing."""
    pure = import_module(f"iomt_interop._accel.{name}_py")
    try:
        return pure, import_module(f"iomt_interop._accel._{name}")
    except ModuleNotFoundError:
        pytest.skip(f"kernel {name} is not compiled here; its twin serves alone")


def each(name: str) -> Any:
    """Return a fixture that gives the pure twin, then the compiled kernel."""

    @pytest.fixture(params=[0, 1], ids=["pure", "compiled"], scope="module")
    def kernel(request: pytest.FixtureRequest) -> ModuleType:
        if request.param == 0:
            return import_module(f"iomt_interop._accel.{name}_py")
        return pair(name)[1]

    return kernel


def outcome(function: Callable[..., object], *args: object) -> object:
    """Return what a call gives: its value, or the class and text of its exception."""
    try:
        return function(*args)
    except (ValueError, TypeError, OverflowError, IndexError) as error:
        return type(error).__name__, str(error)
