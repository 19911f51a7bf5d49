"""Any text is a policy or an error of ours; every layer that is added can only take away."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.guards import PHYSICIAN, POLICY, ask, guard, observation, put

from iomt_interop.errors import InvalidRequest
from iomt_interop.privacy.access import AccessPolicy, parse_scopes
from iomt_interop.privacy.consent import ConsentRegistry
from iomt_interop.privacy.minimise import MinimisationPolicy

LINES = POLICY.splitlines()
READERS: list[Any] = [AccessPolicy.from_toml, MinimisationPolicy.from_toml]


@pytest.mark.parametrize("read", READERS)
@given(st.text(max_size=60) | st.lists(st.sampled_from(LINES), max_size=30).map("\n".join))
def test_any_text_is_a_policy_or_an_error_of_ours(read: Any, text: str) -> None:
    with suppress(InvalidRequest):
        read(text)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "text", ["x = " + "[" * 5000, "x = " + "9" * 5000, "x = nan", "x = 2024-01-01", "x = '\ud800'"]
)
def test_what_breaks_parsers_is_an_error_of_ours(read: Any, text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(text)
    assert caught.value.code in ("PRV-201", "PRV-301")


ROLES = st.frozensets(st.sampled_from(["physician", "nurse", "patient", "scientist", "wizard"]))
LABELS = st.lists(st.sampled_from(["N", "R", "V", "X", "PSY", "HIV"]), max_size=3)
SCOPES = st.none() | st.lists(
    st.sampled_from(["user/*.rs", "user/Observation.s", "patient/*.cruds", "user/Observation.rs?category=x", "openid"])
).map(lambda words: parse_scopes(" ".join(words)))
ASKED = st.tuples(
    st.sampled_from(["read", "search", "export", "create"]), st.sampled_from(["TREAT", "HRESCH", "PATRQT", "BTG"])
)


class Never:
    def permits(self, *_: object) -> bool:
        return False


@given(ASKED, ROLES, ROLES, LABELS, SCOPES, st.booleans())
def test_every_layer_that_is_added_can_only_take_away(
    asked: tuple[Any, str], some: frozenset[str], more: frozenset[str], labels: list[str], scopes: Any, refuses: bool
) -> None:
    wide, narrow = ConsentRegistry(), ConsentRegistry()
    put(wide, '{"type": "permit"}')
    put(narrow, '{"type": "permit", "securityLabel": ["N"]}' if not refuses else '{"type": "deny"}')
    record = observation(*labels)

    def permitted(roles: frozenset[str], registry: ConsentRegistry, **layers: Any) -> bool:
        request = replace(ask(replace(PHYSICIAN, roles=roles), *asked), scopes=layers.pop("scopes", None))
        guarded = guard(registry=registry, **layers)
        return guarded.session(request, "alice").judge(record)[1].permit

    most = permitted(some | more, wide)
    assert permitted(some, wide) <= most
    assert permitted(some | more, wide, scopes=scopes) <= most
    assert permitted(some | more, narrow) <= most
    assert not permitted(some | more, wide, provider=Never())
