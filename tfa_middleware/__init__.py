"""A second factor in front of a WSGI application that nobody can or wants to change."""

from __future__ import annotations

from tfa_middleware.assembly import load, wrap
from tfa_middleware.config import from_dict, read
from tfa_middleware.middleware import TwoFactorMiddleware

__all__ = ["TwoFactorMiddleware", "from_dict", "load", "read", "wrap"]
