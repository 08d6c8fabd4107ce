"""The views: one module for each resource of a user's pages.

A view reads the request, calls the domain and answers through
:mod:`flask_apitokens.web.pages`. No view module imports another. Start in
:mod:`.tokens`.
"""
