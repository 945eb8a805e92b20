"""T5 and Flan-T5."""

from typing import Any

from families.family import VOCAB, Family

#: The second as transformers 5 writes it, whose config does not say so.
OWN_HEAD, UNSAID = "head of its own", "head of its own, unsaid"


def own_head(model: Any) -> None:
    """transformers 5 calls every T5 tied, and finds out from the weights whether it is."""
    import torch

    model.lm_head.weight = torch.nn.Parameter(torch.empty_like(model.lm_head.weight))


FAMILY = Family(
    config={
        "model_type": "t5",
        "architectures": ["T5ForConditionalGeneration"],
        "vocab_size": VOCAB,
        "d_model": 24,
        "d_kv": 10,
        "d_ff": 41,
        "num_layers": 2,
        "num_decoder_layers": 3,
        "num_heads": 3,
        "relative_attention_num_buckets": 8,
        "relative_attention_max_distance": 12,
        "feed_forward_proj": "gated-gelu",
        "decoder_start_token_id": 0,
        "eos_token_id": 1,
    },
    variants={
        "relu": {"feed_forward_proj": "relu", "num_decoder_layers": None},
        "unscaled": {"tie_word_embeddings": False, "layer_norm_epsilon": 1e-3},
        "gated silu": {"feed_forward_proj": "gated-silu"},
        OWN_HEAD: {"tie_word_embeddings": False},
        UNSAID: {},
    },
    states={
        "encoder_hidden_states": ("shared", "encoder.block.{}", "encoder.final_layer_norm"),
        "decoder_hidden_states": ("shared", "decoder.block.{}", "decoder.final_layer_norm"),
    },
    loud="decoder.final_layer_norm.weight",
    remade={OWN_HEAD: own_head, UNSAID: own_head},
    # As transformers 4 wrote it.
    rewritten={OWN_HEAD: {"tie_word_embeddings": False, "scale_decoder_outputs": None}},
)
