"""Participant pages, researcher pages, media."""
