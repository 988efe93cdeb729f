"""Katchi: sovereign partners defending themselves together."""
