"""The one SELECT behind the guard, and the connections it runs on.

``init_app`` builds one :class:`~.finder.TokenFinder`, and the guard asks it. Start in
:mod:`.finder`; the statement is in :mod:`.native`.
"""
