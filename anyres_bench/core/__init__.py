"""What everything stands on: standard library and numpy."""
