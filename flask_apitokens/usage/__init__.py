"""Recorded calls: written off the request, read as history.

The guard records; pages and commands read. Start in :mod:`.recorder` for writing and in
:mod:`.totals` for reading.
"""
