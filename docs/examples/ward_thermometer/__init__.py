"""Adapter of an invented thermometer; the guide "Write an adapter" explains it."""
