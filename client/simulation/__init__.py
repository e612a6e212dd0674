"""Simulated phones with known answers."""
