"""Frozen values and sentences for templates: one module for each family of pages.

A presenter runs no query; a template decides nothing. Start in :mod:`.tokens`.
"""
