"""Perceptual hashes: what two pictures that look alike have in common."""
