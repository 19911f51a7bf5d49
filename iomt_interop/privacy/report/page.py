"""The patient's report as one HTML page: nothing is loaded, nothing runs, everything is escaped, and it prints well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from ..agreements import Policy
from ..audit.accounting import Access, Disclosure
from .gather import PatientReport, Series
from .plot import line_plot
from .words import KINDS, PURPOSES

__all__ = ["render"]

_CSS: Final = (
    "*{box-sizing:border-box}"
    "body{font:1rem/1.5 system-ui,'DejaVu Sans',Arial,sans-serif;color:#1a1a1a;background:#fff;max-width:50rem;"
    "margin:0 auto;padding:1rem}"
    "h1{font-size:1.8rem;line-height:1.2;margin:.5rem 0}h2{font-size:1.3rem;margin:2rem 0 .5rem;"
    "border-bottom:2px solid #0b4f8a;padding-bottom:.2rem}h3{font-size:1.05rem;margin:1.2rem 0 .2rem}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0}th,td{text-align:left;vertical-align:top;"
    "padding:.3rem .6rem;border-bottom:1px solid #bbb;overflow-wrap:break-word}thead th{background:#eef3f8;"
    "border-bottom:2px solid #0b4f8a}caption{text-align:left;font-weight:600;padding:.3rem 0}"
    "td.n,th.n{text-align:right;white-space:nowrap}.d{white-space:nowrap}"
    "a{color:#0b4f8a}nav ul{padding-left:1.2rem;margin:.3rem 0}.lead{font-size:1.05rem}.box{border:2px solid #0b4f8a;"
    "padding:.5rem 1rem;margin:1rem 0}.note{color:#444;font-size:.9rem;margin:.2rem 0}figure{margin:.8rem 0 1.2rem}"
    ".plot{width:100%;height:auto;display:block;background:#fff}.plot text{font-size:11px;fill:#333}"
    ".plot .y{text-anchor:end;dominant-baseline:middle}.plot .e{text-anchor:end}.plot .grid{stroke:#d5d5d5;fill:none}"
    ".plot .line{stroke:#0b4f8a;stroke-width:1.5;fill:none}.plot circle{fill:#0b4f8a}"
    ".skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:1rem;background:#fff;padding:.5rem}"
    "@page{margin:18mm 15mm}@media print{body{max-width:none;padding:0;font-size:10pt}nav,.skip{display:none}"
    "h2,h3{break-after:avoid}figure,tr,.box{break-inside:avoid}thead{display:table-header-group}a{color:inherit}}"
)
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_SECTIONS: Final = (
    ("stored", "What is stored about you"),
    ("devices", "Which devices it comes from"),
    ("measurements", "Your measurements"),
    ("access", "Who saw your data, and for what"),
    ("recipients", "Who received your data"),
    ("consents", "Under which consent"),
    ("rights", "What you can do"),
)


def render(report: PatientReport) -> bytes:
    """Return the page in UTF-8."""
    bodies = (
        _stored(report),
        _devices(report),
        _measurements(report.series, report.texts),
        _access(report),
        _recipients(report),
        _consents(report),
        _rights(report.policy),
    )
    contents = "".join(f'<li><a href="#{name}">{title}</a></li>' for name, title in _SECTIONS)
    sections = "".join(
        f'<section aria-labelledby="{name}"><h2 id="{name}">{title}</h2>{body}</section>'
        for (name, title), body in zip(_SECTIONS, bodies, strict=True)
    )
    who = report.policy.controller.contact.name if report.policy else "this organisation"
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>Your data: a report</title><style>{_CSS}</style></head><body>"
        '<a class="skip" href="#main">Skip to the report</a><header><h1>Your data</h1>'
        f'<p class="lead">This report says what {_safe(who)} keeps about you from medical devices, who saw it, and '
        f"what you can do about it. It was made at {_When(report.made).html()}.</p>{_facts(report.person)}</header>"
        f'<nav aria-label="Contents"><ul>{contents}</ul></nav><main id="main">{sections}</main></body></html>\n'
    )
    return page.encode("utf-8", "replace")


def _safe(text: object) -> str:
    """Escape a value: markup is text, control characters and half surrogates are shown as what they are not."""
    shown = "".join(c if c.isprintable() or c == " " else "\N{REPLACEMENT CHARACTER}" for c in str(text))
    return f"<bdi>{escape(shown)}</bdi>"


class _When:
    """A time of the source, shown to the minute; the whole text stays beside it."""

    def __init__(self, text: str | None) -> None:
        self.text = text or ""

    def html(self) -> str:
        """Return the element."""
        if not self.text:
            return ""
        day, hour = _safe(self.text[:10]), _safe(self.text[11:16]) if self.text[11:] else ""
        return f'<time datetime="{escape(_plain(self.text))}"><span class="d">{day}</span> {hour}</time>'


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[object]], numbers: Sequence[int] = ()) -> str:
    """Return a table with a caption and column headers; ``numbers`` are the columns that are aligned as such."""

    def cell(tag: str, position: int, content: str) -> str:
        scope = ' scope="col"' if tag == "th" else ""
        return f"<{tag}{scope}{' class=n' if position in numbers else ''}>{content}</{tag}>"

    head = "".join(cell("th", position, escape(text)) for position, text in enumerate(heads))

    def shown(value: object) -> str:
        return value.html() if isinstance(value, _When) else _safe(value)

    body = "".join(
        f"<tr>{''.join(cell('td', position, shown(value)) for position, value in enumerate(row))}</tr>" for row in rows
    )
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _facts(lines: Iterable[tuple[str, str]]) -> str:
    rows = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{_safe(value)}</td></tr>' for name, value in lines)
    return f"<table>{rows}</table>" if rows else ""


def _stored(report: PatientReport) -> str:
    if not report.stored:
        return "<p>Nothing is stored about you.</p>"
    rows = [(KINDS.get(s.kind, s.kind), s.records, _When(s.first), _When(s.last)) for s in report.stored]
    limits = [(KINDS.get(kind, kind), limit) for kind, limit in _limits(report)]
    text = "<p>Everything is stored encrypted, with a key that is used for your data alone.</p>"
    text += _table("Stored data", ("What", "How many", "From", "To"), rows, numbers=(1,))
    return text + (_table("How long it is kept", ("What", "Kept for"), limits) if limits else "")


def _limits(report: PatientReport) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for line in report.stored:
        for rule in report.policy.retention if report.policy else ():
            if line.kind in rule.kinds:
                parts = [f"{rule.years} years" if rule.years else "", f"{rule.days} days" if rule.days else ""]
                found.append((line.kind, f"{' '.join(filter(None, parts))} ({rule.basis})"))
    return found


def _devices(report: PatientReport) -> str:
    if not report.devices:
        return "<p>No device is named in your data.</p>"
    rows = []
    for device in report.devices:
        versions = ", ".join(f"{what} {which}" for what, which in device.versions)
        name = (
            " ".join(filter(None, (device.manufacturer, device.model)))
            or _kind(device.type)
            or "a device without a name"
        )
        rows.append((name, device.serial or "", versions, _When(device.first_seen), _When(device.last_seen)))
    return _table("Devices", ("Device", "Serial number", "Versions", "First seen", "Last seen"), rows)


def _kind(text: str | None) -> str | None:
    """Return a reference id in words."""
    if text is None or not text.startswith("MDC_"):
        return text
    return " ".join(text.split("_")[1:]).lower().capitalize()


def _measurements(series: Sequence[Series], texts: Sequence[tuple[str, int]]) -> str:
    parts = [_figure(number, one) for number, one in enumerate(series) if len(one.points) > 1]
    rest = [one for one in series if len(one.points) <= 1]
    if rest:
        once = [(one.label, f"{one.latest} {one.unit}".strip() or "no plain number", _When(one.first)) for one in rest]
        parts.append(_table("Measured once", ("What", "Value", "When"), once))
    if texts:
        parts.append(_table("Observations that are no numbers", ("What", "How many"), texts, numbers=(1,)))
    return "".join(parts) or "<p>There are no measurements of you.</p>"


def _figure(number: int, one: Series) -> str:
    unit = f" ({_safe(one.unit)})" if one.unit else ""
    text = f"<figure><h3>{_safe(one.label)}{unit}</h3>"
    values = [value for _, value in one.points]
    title = f"{one.label}: {len(values)} values from {min(values):f} to {max(values):f} {one.unit}"
    begin, end = one.first[:16].replace("T", " "), one.last[:16].replace("T", " ")
    text += line_plot(one.points, identity=f"plot-{number}", title=_plain(title), begin=_plain(begin), end=_plain(end))
    text += (
        f"<figcaption>{len(values)} values from {_When(one.first).html()} to {_When(one.last).html()}; lowest "
        f"{_safe(f'{min(values):f}')}, highest {_safe(f'{max(values):f}')}, latest {_safe(one.latest)}"
        f"{' ' + _safe(one.unit) if one.unit else ''}.</figcaption>"
    )
    if one.undrawn:
        more = (
            f"{one.undrawn} more values have no time or are" if one.undrawn != 1 else "1 more value has no time or is"
        )
        text += f'<p class="note">{more} no plain number.</p>'
    if one.local:
        text += '<p class="note">Some times are as the device told them, without a time zone.</p>'
    return text + "</figure>"


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _purpose(code: str | None) -> str:
    return "not stated" if code is None else PURPOSES.get(code, code)


def _access(report: PatientReport) -> str:
    refused = report.access.denied
    many = f"{refused} requests for your data were" if refused != 1 else "1 request for your data was"
    told = f"<p>{many} refused.</p>" if refused else ""
    if not report.access.accesses:
        return "<p>The audit trail knows of nobody who saw your data.</p>" + told
    rows = [_access_row(report.policy, access) for access in report.access.accesses]
    heads = ("Who", "Role", "For what", "How often", "First", "Last", "Note")
    return _table("Accesses", heads, rows, numbers=(3,)) + told


def _access_row(policy: Policy | None, access: Access) -> tuple[object, ...]:
    note = "emergency access past the usual rules" if access.break_glass else ""
    who = f"{access.actor}, for {_name(policy, access.recipient)}" if access.recipient else access.actor
    roles = ", ".join(access.roles)
    return (who, roles, _purpose(access.purpose), access.times, _When(access.first), _When(access.last), note)


def _recipients(report: PatientReport) -> str:
    if not report.disclosures and not report.access.recipients:
        return "<p>Your data were given to nobody outside.</p>"
    parts = []
    if report.access.recipients:
        rows = [(_name(report.policy, who), who) for who in report.access.recipients]
        parts.append(_table("Recipients", ("Name", "Short name"), rows))
    if report.disclosures:
        rows_d = [_disclosure(report.policy, disclosure) for disclosure in report.disclosures]
        heads = ("When", "To whom", "For what", "What", "Records")
        caption = "Disclosures of the last six years, other than for treatment, payment and operations"
        parts.append(_table(caption, heads, rows_d, numbers=(4,)))
    return "".join(parts)


def _name(policy: Policy | None, who: str) -> str:
    found = policy.recipient(who) if policy else None
    return f"{found.name} ({found.country})" if found else who


def _disclosure(policy: Policy | None, one: Disclosure) -> tuple[object, ...]:
    what = ", ".join(KINDS.get(kind, kind) for kind in one.kinds)
    return (_When(one.time), _name(policy, one.recipient), _purpose(one.purpose), what, one.records)


def _consents(report: PatientReport) -> str:
    used = set(report.access.consents)
    rows = [(c.title, c.state, _When(c.since), "yes" if c.digest in used else "no") for c in report.consents]
    known = {consent.digest for consent in report.consents}
    rows += [("a consent that is no longer stored", "", _When(None), "yes") for digest in sorted(used - known)]
    if not rows:
        return "<p>No consent of yours is stored, and none was used.</p>"
    return _table("Consents", ("Consent", "State", "Since", "Used for an access"), rows)


def _rights(policy: Policy | None) -> str:
    text = (
        "<p>You may ask for a copy of your data, for a correction, for erasure, and that your data be used for less. "
        "You may withdraw a consent at any time: from the next access on it no longer holds. You may object to a use "
        "of your data, for reasons of your own, without any form.</p>"
    )
    if policy is None:
        return text + "<p>Ask the organisation that gave you this report whom to write to.</p>"
    controller = policy.controller
    text += f'<div class="box"><p><strong>Data protection officer:</strong> {_safe(controller.dpo.line())}</p>'
    text += f"<p><strong>Responsible:</strong> {_safe(controller.contact.line())}</p>"
    if controller.authority:
        text += f"<p><strong>Where you can complain:</strong> {_safe(controller.authority)}</p>"
    return text + "</div>"
