"""Our numbers, measured here: `make bench`, or `python -m bench --help`."""
