"""The worker process: it reads, hashes, decodes and matches inside the sandbox."""
