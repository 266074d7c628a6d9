"""A second factor in front of a WSGI application that nobody can or wants to change."""

from __future__ import annotations

from tfa_middleware.assembly import gateway, load, wrap
from tfa_middleware.config import from_dict, read
from tfa_middleware.middleware import TwoFactorMiddleware

__all__ = ["TwoFactorMiddleware", "from_dict", "gateway", "load", "read", "wrap"]
