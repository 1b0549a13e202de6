"""One module for each format of hash list."""
