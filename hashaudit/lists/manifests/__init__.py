"""Parsers of manifests: lists that say which files a tree had. They run in the process that parses lists."""
