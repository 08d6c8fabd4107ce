"""What every domain function is given.

The context (session, schema, settings, callbacks, clock), the host's callables, text,
times, networks and CSV. Every room after it may use it. Start in :mod:`.context`.
"""
