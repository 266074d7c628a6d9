"""Unit tests of the security core: each part alone, with real stores and no mocks."""
