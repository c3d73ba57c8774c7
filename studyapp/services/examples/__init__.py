"""Prototypes and criticisms: asked for, kept, shown."""
