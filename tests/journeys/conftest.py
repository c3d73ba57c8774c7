"""Journeys share two cores with the other half of the tests: what a page does may take seconds there."""

from __future__ import annotations

from playwright.sync_api import expect

expect.set_options(timeout=20_000)
