"""Endpoints for scripts: log-in, introspection, revocation, a token about itself.

The edges (``web``, ``api``, ``cli``) never import each other. Start in
:mod:`.blueprint`, which lists the addresses.
"""
