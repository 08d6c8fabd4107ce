"""What a guarded call costs, measured beside the code a host would write itself."""
