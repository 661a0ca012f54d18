"""Effects placed on measured moments."""
