"""The text of a token and what proves it: format, digests, bcrypt, session tokens.

No module here reads a database or a request. Every room after it may use it. Start in
:mod:`.tokens`.
"""
