"""Helpers whose assertions speak as those of tests do."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("store_contract", "accounts_contract")
