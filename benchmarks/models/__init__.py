"""Whole models, from token ids to vectors or to new ids, beside peers."""
