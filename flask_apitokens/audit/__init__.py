"""The audit log: append an event, remove old ones, read them in pages.

The domain appends in its own transaction; pages and commands read. Start in
:mod:`.log`.
"""
