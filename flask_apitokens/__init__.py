"""API tokens for Flask: settings pages, administration, and a guard for API routes."""

from . import errors
from . import signals
from .catalog import ANY_SERVICE
from .catalog import Scope
from .catalog import Service
from .config import Settings
from .domain import Actor
from .extension import APITokens
from .guard import current_token
from .guard import token_required
from .hooks import Notice

__version__ = "0.1.0"

__all__ = [
    "ANY_SERVICE",
    "APITokens",
    "Actor",
    "Notice",
    "Scope",
    "Service",
    "Settings",
    "current_token",
    "errors",
    "signals",
    "token_required",
]
