"""GGUF files as models: the container, its tensors by our names, and its metadata as a config."""
