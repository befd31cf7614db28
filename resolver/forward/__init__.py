"""Asking upstreams: what to ask, whom, how, and what of a reply may be believed."""
