"""Changes to timelines."""
