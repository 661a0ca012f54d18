"""The programs that the gateway's benchmark runs, each in a process of its own."""
