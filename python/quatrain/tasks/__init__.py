"""What people do with models: encode, generate."""
