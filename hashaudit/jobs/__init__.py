"""Jobs: scans that run unattended again and again, with their outputs."""
