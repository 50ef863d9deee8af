"""Things that render."""
