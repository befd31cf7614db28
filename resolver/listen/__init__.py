"""Listeners carry messages to the journey and outcomes out; they decide nothing."""
