"""The admin address: health, metrics, and the API that operates a running server."""
