"""x."""
def fold(trace, limit=300):
    """x."""
    return trace, 0
def note(trace):
    """x."""
    return ""
