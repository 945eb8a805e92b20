"""Transformers in the open, without a framework."""
