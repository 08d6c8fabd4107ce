"""Signals for the host (blinker).

The sender is the Flask application. Every signal but ``token_authenticated`` and
``token_rejected`` is sent after the commit of the act that it tells of. Its keyword
arguments are ``event`` and the fields of that event: see
:mod:`flask_apitokens.core.events`. They are frozen values, so no receiver can change
them, and none has a plaintext. Accept ``**extra``, since later versions may add fields.

A receiver runs with a session of its own in ``db.session`` and commits what it changes.
One that raises is logged and stops no other.
"""

from __future__ import annotations

from blinker import Namespace

_signals = Namespace()

#: A token was generated: ``token``, ``actor``, ``predecessor_id``.
token_generated = _signals.signal("token-generated")
#: A token of another system was imported: ``token``, ``actor``, ``strength``, ``form``.
token_imported = _signals.signal("token-imported")
#: A token has another name: ``token``, ``actor``, ``old_name``.
token_renamed = _signals.signal("token-renamed")
#: A token has another owner: ``token``, ``actor``, ``old_owner_id``,
#: ``old_owner_label``, ``old_name`` (None if the token kept its name).
token_moved = _signals.signal("token-moved")
#: A token has a successor: ``token``, ``successor``, ``grace``, ``actor``.
token_rotated = _signals.signal("token-rotated")
#: A rotated token was presented after its end: ``token``, ``actor`` with the address.
rotated_token_used = _signals.signal("rotated-token-used")
#: A token was revoked: ``token``, ``actor``, ``successor_id``.
token_revoked = _signals.signal("token-revoked")
#: A token was deleted: ``token``, ``actor``, ``owner_deleted``.
token_deleted = _signals.signal("token-deleted")
#: An administrator deactivated a token: ``token``, ``actor``, ``reason``.
token_deactivated = _signals.signal("token-deactivated")
#: An administrator activated a token again: ``token``, ``actor``.
token_activated = _signals.signal("token-activated")
#: A token expires soon and its owner is told: ``token``, ``days``, ``notice``
#: (:class:`~flask_apitokens.Notice`).
notice_due = _signals.signal("notice-due")
#: A subscription was switched: ``subscription``, ``actor``.
subscription_changed = _signals.signal("subscription-changed")
#: A service was switched for a whole account: ``setting``, ``actor``.
service_changed = _signals.signal("service-changed")
#: A user asked for access to a service, or to the API: ``subscription``, ``actor``,
#: ``reason``.
access_requested = _signals.signal("access-requested")
#: A user withdrew a request: ``subscription``, ``actor``.
access_withdrawn = _signals.signal("access-withdrawn")
#: A request was approved or declined: ``subscription``, ``actor``, ``approved``,
#: ``reason``.
access_decided = _signals.signal("access-decided")

#: A guarded route accepted a token: ``token`` (the ``CurrentToken``).
token_authenticated = _signals.signal("token-authenticated")
#: A guarded route refused a call: ``refusal``
#: (:class:`~flask_apitokens.errors.Refusal`).
token_rejected = _signals.signal("token-rejected")
