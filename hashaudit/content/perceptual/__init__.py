"""Perceptual hashes: values that are equal or near for images that look alike."""
