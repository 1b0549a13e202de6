"""Pictures: told by their content, decoded once, under limits. See docs/concepts/perceptual.md."""
