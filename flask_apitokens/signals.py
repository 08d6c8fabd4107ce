"""Signals for the host (blinker). None of them carries a plaintext.

The sender is the Flask application; ``token`` is the row, already flushed but not yet
committed, ``actor`` the :class:`~flask_apitokens.Actor` who did it.
"""

from __future__ import annotations

from blinker import Namespace

_signals = Namespace()

#: A token was generated: ``token``, ``actor``.
token_generated = _signals.signal("token-generated")
#: A token got another name: ``token``, ``actor``, ``old_name``.
token_renamed = _signals.signal("token-renamed")
#: A token got a successor: ``token``, ``successor``, ``actor``.
token_rotated = _signals.signal("token-rotated")
#: A token was revoked: ``token``, ``actor``.
token_revoked = _signals.signal("token-revoked")
#: A token was deleted, its row is going: ``token``, ``actor``.
token_deleted = _signals.signal("token-deleted")
#: An administrator deactivated a token: ``token``, ``actor``, ``reason``.
token_deactivated = _signals.signal("token-deactivated")
#: An administrator activated a token again: ``token``, ``actor``.
token_activated = _signals.signal("token-activated")
#: A guarded route accepted a token: ``token`` (the ``CurrentToken``).
token_authenticated = _signals.signal("token-authenticated")
#: A guarded route refused a call: ``refusal``
#: (:class:`~flask_apitokens.errors.Refusal`).
token_rejected = _signals.signal("token-rejected")
#: A token ends soon and its owner is told: ``token``, ``days``, ``notice``
#: (:class:`~flask_apitokens.Notice`). Unlike the others it is committed already.
notice_due = _signals.signal("notice-due")
#: A subscription was switched: ``subscription``, ``actor``.
subscription_changed = _signals.signal("subscription-changed")
#: A service was switched for a whole account: ``setting``, ``actor``.
service_changed = _signals.signal("service-changed")
#: A user asked for access to a service, or to the API: ``subscription``, ``actor``.
access_requested = _signals.signal("access-requested")
#: A user took a request back: ``subscription``, ``actor``.
access_withdrawn = _signals.signal("access-withdrawn")
#: A request was approved or declined: ``subscription``, ``actor``, ``approved``.
access_decided = _signals.signal("access-decided")
#: A token of another system was imported: ``token``, ``actor``.
token_imported = _signals.signal("token-imported")
