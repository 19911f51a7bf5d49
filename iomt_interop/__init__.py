"""Translate medical device data through one canonical model, encrypted at rest."""
