"""Manifests of trees: their paths on this machine, and the comparison of a tree with one."""
