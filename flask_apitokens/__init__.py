"""API tokens for Flask: settings pages, administration, and a guard for API routes."""

from flask_apitokens.core.actor import Actor
from flask_apitokens.core.callbacks import Notice
from flask_apitokens.db.models import Event
from flask_apitokens.db.models import ServiceSetting
from flask_apitokens.db.models import Subscription
from flask_apitokens.db.models import Token
from flask_apitokens.guard.current_token import CurrentToken
from flask_apitokens.guard.decorator import current_token
from flask_apitokens.guard.decorator import token_required

from . import errors
from . import signals
from .catalog import ANY_SERVICE
from .catalog import Scope
from .catalog import Service
from .config import Settings
from .database import Database
from .extension import APITokens

__version__ = "0.1.0"

__all__ = [
    "ANY_SERVICE",
    "APITokens",
    "Actor",
    "CurrentToken",
    "Database",
    "Event",
    "Notice",
    "Scope",
    "Service",
    "ServiceSetting",
    "Settings",
    "Subscription",
    "Token",
    "current_token",
    "errors",
    "signals",
    "token_required",
]
