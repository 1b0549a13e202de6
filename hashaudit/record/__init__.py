"""The findings file: its records, chain of signed checkpoints, writer and verification."""
