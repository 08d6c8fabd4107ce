"""Pages for users and administrators: addresses, forms, templates, views.

The extension registers its blueprints; no other room imports it. Views call domain
functions and commit. What several views share is in this folder: a view module imports
no other view module. Start in :mod:`.blueprint`, which lists the addresses.
"""
