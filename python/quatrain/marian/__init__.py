"""Models as the program marian trains them: a ``.npz`` of weights with its settings inside.

A folder has ``model.npz``, or another ``.npz`` that ``decoder.yml`` names among its ``models``, and
vocabularies. The tensor ``special:model.yml`` holds the settings as text. Source: marian-dev
(src/models/transformer.h), transformers (convert_marian_to_pytorch.py).
"""
