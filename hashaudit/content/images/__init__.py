"""Images: detects formats from the content and decodes once, within limits. See docs/concepts/perceptual.md."""
