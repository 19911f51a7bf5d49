"""A signal without a unit has that of its resolution (IHE PCD WCM: the resolution is stated in the signal's unit)."""

from __future__ import annotations

import pytest

import iomt_interop as iomt
from iomt_interop.model import Waveform


@pytest.mark.parametrize(("own", "unit"), [("", "mV"), ("266419^MDC_DIM_MICRO_VOLT^MDC", "uV")])
def test_the_unit_of_the_resolution_stands_in(own: str, unit: str) -> None:
    message = (
        "MSH|^~\\&|MON||||20261124105800+0100||ORU^R01|1|P|2.6\rOBR|1||||||20261124105800+0100\r"
        f"OBX|1|NA|131329^MDC_ECG_ELEC_POTL_I^MDC|1.7.6.131329|80^88^92|{own}\r"
        "OBX|2|NM|0^MDC_ATTR_SAMP_RATE^MDC|1.7.6.131329.1|500|264640^MDC_DIM_HZ^MDC\r"
        "OBX|3|NM|0^MDC_ATTR_NU_MSMT_RES^MDC|1.7.6.131329.2|0.001221|266418^MDC_DIM_MILLI_VOLT^MDC\r"
    ).encode()
    (wave,) = (record for record in iomt.read(message) if isinstance(record, Waveform))
    assert wave.channels[0].unit == unit
    assert wave.channels[0].factor.text == "0.001221"
