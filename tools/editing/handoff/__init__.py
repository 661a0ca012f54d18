"""Timelines for other editors, and from them."""
