"""Pages for people: addresses, forms, templates, and the views behind them.

An edge: views call domain functions and commit. Start in :mod:`.blueprint`, which lists
the addresses.
"""
