"""The studio for other programs: a Model Context Protocol server on standard input and output."""
