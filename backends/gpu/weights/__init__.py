"""Engines inside this process: where their weights lie."""
