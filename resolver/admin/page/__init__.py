"""The status page at `/`: files that are sent as they are, and what they ask for as they run."""
