"""The cache of hashes that later scans reuse for unchanged files."""
