"""Health checks: what is probed and what is known of it. Never imports `resolver`."""
