"""The text, table, JSON, XML and database syntaxes that list formats are written in."""
