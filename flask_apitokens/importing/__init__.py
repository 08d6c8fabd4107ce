"""Tokens of other systems: taken in, named, and kept working as they are.

Loaded only where ``APITOKENS_PEPPERS`` is set. Start in :mod:`.service`.
"""
