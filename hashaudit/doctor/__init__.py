"""What can be said of this host before a scan, and what to do about it. Looks and measures; changes nothing."""
