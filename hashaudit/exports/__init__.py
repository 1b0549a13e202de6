"""Verified findings in the forms that other systems take. Each form states what it can hold."""
