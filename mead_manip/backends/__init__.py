"""Swappable models, one file each, loaded by name from the registry. Only here are other people's models imported."""
