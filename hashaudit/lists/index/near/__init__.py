"""Finding near perceptual hashes in an index: by pieces (multi-index hashing) or by comparing with all."""
