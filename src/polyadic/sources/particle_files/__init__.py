"""Readers and makers of the source `particles`, one file a format."""
