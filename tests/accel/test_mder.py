"""The compiled MDER kernel gives what its readable twin gives; the twin agrees with the codec."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st
from support.kernels import outcome, pair

from iomt_interop._accel import mder_py
from iomt_interop.wire import mder

SPECIALS = (None, "nan", "nres", "+inf", "-inf", "reserved")


def test_all_sfloats_agree_with_the_codec_and_each_other() -> None:
    data = b"".join(word.to_bytes(2, "big") for word in range(65536))
    result = mder_py.floats(data, 0, len(data), 2)
    columns = zip(array("i", result[0]), array("b", result[1]), array("B", result[2]), strict=True)
    for word, (mantissa, exponent, special) in enumerate(columns):
        value = mder.decode_sfloat(word)
        name = value.special.value if value.special else None
        assert (value.mantissa, value.exponent, name) == (mantissa, exponent, SPECIALS[special])
    assert pair("mder")[1].floats(data, 0, len(data), 2) == result


@given(st.binary(max_size=64), st.integers(-1, 8), st.integers(-1, 65), st.sampled_from([2, 4, 3]))
def test_floats_agree(data: bytes, start: int, stop: int, size: int) -> None:
    pure, compiled = pair("mder")
    assert outcome(compiled.floats, data, start, stop, size) == outcome(pure.floats, data, start, stop, size)


fields = st.tuples(st.sampled_from([2636, 2646, 2448, 2677]), st.integers(0, 6), st.integers(0, 20))
entries = st.tuples(st.integers(0, 3), st.integers(0, 24), st.lists(fields, max_size=3))


def _plan(rows: list[tuple[int, int, list[tuple[int, int, int]]]]) -> bytes:
    words = array("H")
    for handle, length, items in rows:
        words.extend((handle, length, len(items), *(number for item in items for number in item)))
    return words.tobytes()


def _report(scans: list[tuple[int, bytes]]) -> bytes:
    body = b"".join(handle.to_bytes(2, "big") + len(o).to_bytes(2, "big") + o for handle, o in scans)
    return len(scans).to_bytes(2, "big") + len(body).to_bytes(2, "big") + body


@given(
    st.lists(entries, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=24)), max_size=4),
    st.binary(max_size=3),
)
def test_scan_reports_agree_whatever_plan_and_octets(
    rows: list[tuple[int, int, list[tuple[int, int, int]]]], scans: list[tuple[int, bytes]], noise: bytes
) -> None:
    pure, compiled = pair("mder")
    data, plan = _report(scans) + noise, _plan(rows)
    for stop in (len(data), len(data) - len(noise)):
        args = (data, 0, stop, plan)
        assert outcome(compiled.scan_fixed, *args) == outcome(pure.scan_fixed, *args)


@given(st.lists(st.tuples(st.sampled_from([1, 10]), st.binary(min_size=10, max_size=10)), max_size=5))
def test_scan_reports_that_fit_agree(scans: list[tuple[int, bytes]]) -> None:
    pure, compiled = pair("mder")
    layout = [(2636, mder_py.SFLOAT, 0), (2448, mder_py.TIME, 2)]
    data, plan = _report(scans), _plan([(1, 10, layout), (10, 10, layout)])
    result = pure.scan_fixed(data, 0, len(data), plan)
    assert result is not None
    assert result[0] == len(scans)
    assert compiled.scan_fixed(data, 0, len(data), plan) == result
