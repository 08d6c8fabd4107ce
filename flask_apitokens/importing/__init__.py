"""Import of tokens that another system made, which keep working unchanged.

Loaded only where ``APITOKENS_PEPPERS`` is set. Start in :mod:`.service`.
"""
