"""The schema and how rows are read in pages.

Tables are mapped for each host's user model. Every room after it may use it. Start in
:mod:`.models`.
"""
