"""A report of findings files for people: one page, or the same as Markdown or text. Never content."""
