"""The administrators' views: one module for each resource.

Every query starts at the administrator's account. Start in :mod:`.services`.
"""
