"""The conformance kit's laws, on three declarative adapters."""

from __future__ import annotations

from plugins.mapping.helpers import registry

from iomt_interop.testing import adapter_suite

TestBand = adapter_suite("band_declarative", registry=registry("band_declarative"))
TestSheet = adapter_suite("sheet_export", registry=registry("sheet_export"))
TestReport = adapter_suite("monitor_xml", registry=registry("monitor_xml"))
