"""Engines that are servers: child processes, their records, ports and logs."""
