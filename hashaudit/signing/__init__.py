"""Signing keys, SSH signatures and allowed signers. Never imported by what runs in a worker."""
