"""What people see: streams, progress, tables and signals."""
