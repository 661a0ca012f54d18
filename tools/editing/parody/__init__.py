"""Parodies: a recipe chosen by what a clip measures, its beats on measured moments, and the sheet that says so."""
