"""Inside of the arbiter: what its loop knows and decides. `backends/gpu/arbiter.py` is the door."""
