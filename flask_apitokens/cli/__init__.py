"""``flask apitokens …``: a group for each noun, a command for each verb.

An edge: commands call domain functions and commit. Nothing imports this room but the
extension. Start in :mod:`.group`.
"""
