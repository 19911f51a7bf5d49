"""Canonical alerts to IHE PCD-04; the manifest names the writer, which composes what both messages have."""
