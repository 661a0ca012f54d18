"""Overlays that the studio draws itself: particles, speech bubbles, bars."""
