"""Measure a guarded call beside the code that a host would write itself."""
