"""The patient's page: complete, escaped, accessible, self-contained."""

from __future__ import annotations

from datetime import datetime
from html.parser import HTMLParser
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html
from support.policy import POLICY
from support.records import PROVENANCE, every_kind

from iomt_interop import model as m
from iomt_interop.privacy.agreements import load_policy
from iomt_interop.privacy.audit import AuditRecord
from iomt_interop.privacy.report import ConsentLine, gather, render

MADE = datetime.fromisoformat("2026-11-24T12:00:00+01:00")
ME, OTHER = "0" * 31 + "1", "0" * 31 + "2"
EVIL = "</td><script>alert(1)</script><img src=x onerror=y>\"'&"


def observation(number: int, text: str, value: m.Value, time: m.Time | None) -> m.Observation:
    return m.Observation(
        id=m.record_id(text, number), provenance=PROVENANCE, code=m.Concept(text=text), value=value, time=time,
        status="final",
    )  # fmt: skip


def quantity(text: str, unit: str | None = None) -> m.Quantity:
    return m.Quantity.from_text(text).replace(unit=unit)


def event(**more: Any) -> AuditRecord:
    values: dict[str, Any] = {
        "time": "2026-11-01T10:00:00Z", "operation": "read", "outcome": "success", "actor": "dr-17",
        "roles": ("physician",), "purpose": "TREAT", "subjects": (ME,), "records": 2,
    }  # fmt: skip
    return AuditRecord(**(values | more))


def records(text: str = "Body weight") -> list[m.Record]:
    subject = m.Subject(
        id=m.record_id("s"), provenance=PROVENANCE, names=(m.PersonName(family=text, given=("Ada",)),),
        identifiers=(m.Identifier(value="MRN-7", authority=text),), birth_date=m.Instant(value="1971"),
    )  # fmt: skip
    device = m.Device(id=m.record_id("d"), provenance=PROVENANCE, manufacturer="Acme", model=text, serial="SN-1")
    values = [
        observation(
            number, text, quantity(f"{80 - number}.50", "kg"), m.Instant(value=f"2026-11-{number:02}T08:00:00Z")
        )
        for number in range(1, 6)
    ]
    return [
        subject,
        device,
        *values,
        observation(9, text, m.Quantity(special="nan", unit="kg"), m.Instant(value="2026-11-09T08:00:00Z")),
        observation(10, text, quantity("70", "kg"), None),
        observation(11, "Mood", m.TextValue(text=text), m.Instant(value="2026-11-09T08:00:00Z")),
        observation(12, "Steps", quantity("1200"), m.Day(value="2026-11-09")),
        observation(
            13, "Glucose", quantity("5.50", "mmol/L").replace(comparator="<"), m.Instant(value="2026-11-09T08:00")
        ),
    ]


TRAIL = [
    event(),
    event(time="2026-11-02T10:00:00Z"),
    event(actor="dr-99", purpose="BTG", break_glass=True),
    event(operation="disclose", purpose="HRESCH", recipient="registry", kinds=("observation",), consents=("ab" * 32,)),
    event(outcome="denied", purpose="HMARKT"),
    event(actor="dr-of-another", subjects=(OTHER,)),
]


def page(text: str = "Body weight", **more: Any) -> str:
    consents = [ConsentLine("Heart study", "active", "2026-01-02", "ab" * 32), ConsentLine(text, "rejected", None)]
    values: dict[str, Any] = {"handle": ME, "made": MADE, "policy": load_policy(POLICY), "consents": consents}
    return render(gather(records(text), TRAIL, **(values | more))).decode()


class Tags(HTMLParser):
    """Collects what a browser would make of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(sorted(name for name, _ in attrs))))
        self.references += [value or "" for name, value in attrs if name in {"src", "href", "action", "xlink:href"}]


def tags(text: str) -> Tags:
    parser = Tags()
    parser.feed(text)
    return parser


def test_the_page_says_everything() -> None:
    root = html.fromstring(page())
    text = " ".join(root.text_content().split())
    for told in (
        "Example Hospital", "Body weight", "Ada Body weight", "MRN-7 (Body weight)", "1971",
        "Acme", "SN-1", "75.50", "79.50", "latest 75.50", "2 more values", "Mood", "1200", "<5.50",
        "dr-17", "physician", "your treatment", "dr-99", "emergency access past the usual rules",
        "1 request for your data was refused", "Heart Registry (DE)", "research", "Heart study", "active",
        "dpo@hospital.example", "State commissioner", "10 years (medical record)",
    ):  # fmt: skip
        assert told in text, told
    assert "dr-of-another" not in text
    assert OTHER not in text
    access = root.xpath("//section[@aria-labelledby='access']//tbody/tr")
    counts = {(row.xpath("string(td[1])"), row.xpath("string(td[3])")): row.xpath("string(td[4])") for row in access}
    assert counts == {
        ("dr-17", "your treatment"): "2",
        ("dr-99", "an emergency, past the usual rules"): "1",
        ("dr-17, for Heart Registry (DE)", "research"): "1",
    }
    used = root.xpath("//section[@aria-labelledby='consents']//tbody/tr")
    assert [row.xpath("string(td[4])") for row in used] == ["yes", "no"]


def test_the_page_is_accessible_and_stands_alone() -> None:
    text = page()
    root = html.fromstring(text)
    assert root.get("lang") == "en"
    assert len(root.xpath("//h1")) == len(root.xpath("//main")) == len(root.xpath("//title[not(ancestor::svg)]")) == 1
    for table in root.xpath("//section//table"):
        assert table.xpath("caption")
        assert table.xpath("thead/tr/th[@scope='col']")
    for picture in root.xpath("//svg"):
        (title,) = picture.xpath("title")
        assert picture.get("aria-labelledby") == title.get("id")
        assert title.text
    ids = root.xpath("//@id")
    assert len(set(ids)) == len(ids)
    for link in root.xpath("//a/@href"):
        assert link.removeprefix("#") in ids
    found = tags(text)
    assert not {"script", "link", "img", "iframe", "object", "form"} & {tag for tag, _ in found.found}
    assert all(reference.startswith("#") for reference in found.references)
    assert not any(name.startswith("on") for _, names in found.found for name in names)
    assert "default-src 'none'" in text
    assert "url(" not in text
    assert "@media print" in text


@given(st.text(max_size=40) | st.just(EVIL))
@settings(max_examples=40)
def test_no_value_becomes_markup(text: str) -> None:
    # A blank text changes what is there (a name that is empty), not how it is written.
    plain, other = tags(page("Body weight")).found, tags(page("Body" + text)).found
    assert other == plain


def test_what_is_not_known_is_said() -> None:
    empty = render(gather([], [], handle=None, made=MADE)).decode()
    for told in ("Nothing is stored", "No device", "no measurements", "nobody who saw", "nobody outside", "No consent"):
        assert told in empty
    assert "Ask the organisation" in empty
    assert html.fromstring(page(handle=None)).xpath("//section[@aria-labelledby='access']//tbody/tr") == []


def test_every_kind_of_record_finds_its_line() -> None:
    kinds = every_kind()
    report = gather(kinds, [], handle=None, made=MADE)
    assert sum(line.records for line in report.stored) == len(kinds)
    assert len(report.stored) == len({record.kind for record in kinds})
    assert render(report).decode().count("<section") == 7


def test_a_consent_that_is_gone_is_told_of() -> None:
    assert "a consent that is no longer stored" in page(consents=())


def test_the_report_shows_nothing_of_itself() -> None:
    shown = repr(gather(records(), TRAIL, handle=ME, made=MADE, policy=load_policy(POLICY)))
    for value in ("Ada", "MRN-7", "79.50", "SN-1"):
        assert value not in shown
