"""The rules: functions over a :class:`~flask_apitokens.core.context.Context`.

They flush and never commit, and never see a request. Every query starts at an owner or
an account. Host code, pages, endpoints and commands call them. Start in :mod:`.tokens`.
"""
