"""The one SELECT behind the guard, and the connections it runs on.

Only ``state`` and the guard use it. Start in :mod:`.native`.
"""
