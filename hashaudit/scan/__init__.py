"""A scan: its configuration, plan, main loop, results and resume."""
