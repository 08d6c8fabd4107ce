"""Token scopes: which tokens a page is about, and what may be done with them there.

Views are given one and work with it. Start in :mod:`.scope`.
"""
