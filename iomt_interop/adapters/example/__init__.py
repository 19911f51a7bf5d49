"""The living template of an adapter: an invented ward thermometer that sends lines.

Read the files in this order: ``adapter.toml``, ``tables.py``, ``lines.py``, ``reader.py``, ``writer.py``.
"""
