"""Training: from texts to a new tokenizer.

Python reads the text, in blocks, and writes the ``tokenizer.json``; the C++ core counts words and
learns from them.
"""
