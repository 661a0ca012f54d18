"""vLLM as an engine: a server in an environment of its own, put to sleep and woken."""
