"""Probes of stability, shift and texture, and stylised copies."""
