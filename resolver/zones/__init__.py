"""Zones: the YAML files, their models, and what the compiler reads."""
