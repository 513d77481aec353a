"""The formats that the source `field_files` reads, one module a format."""
