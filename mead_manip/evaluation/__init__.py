"""Metrics and protocols, each with its source."""
