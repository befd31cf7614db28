"""Sightline: a split-horizon internal DNS resolver with health-aware records."""

__version__ = "0.1.0"
