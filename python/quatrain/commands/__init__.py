"""The commands of ``quatrain``: each parses its arguments, calls the Python API, and prints."""
