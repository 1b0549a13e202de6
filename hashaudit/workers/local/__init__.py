"""The pool of local worker processes, in the parent."""
