"""How losses change along an axis of a sweep."""
