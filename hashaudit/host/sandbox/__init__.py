"""The sandbox of worker processes: Landlock, seccomp, capabilities and resource limits."""
