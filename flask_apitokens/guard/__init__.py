"""An HTTP call becomes an identity or a refusal.

The edges use it for what pages and endpoints share. Start in :mod:`.decorator`, then
:mod:`.authenticate`.
"""
