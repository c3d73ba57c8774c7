"""Who opens the pages, and media of each test's own, as for the other pages."""

from tests.studyapp_tests.pages.conftest import alice, bob, own_media

__all__ = ["alice", "bob", "own_media"]
