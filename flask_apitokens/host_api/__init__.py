"""The methods of ``APITokens`` that an application calls in its own transaction.

Pages, endpoints and commands call the domain instead. Each method imports the rules
when it is called, because a process that only guards calls never needs them. Start in
:mod:`.api`.
"""
