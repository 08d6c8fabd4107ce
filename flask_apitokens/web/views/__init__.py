"""The views: one module for each resource of a user's pages.

A view reads the request, calls the domain and answers through
:mod:`flask_apitokens.web.pages`. Views never import each other's helpers. Start in
:mod:`.tokens`.
"""
