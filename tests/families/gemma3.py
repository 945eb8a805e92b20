"""Gemma 3 that also sees, of which the part that reads text is run."""

from families import gemma3_text
from families.family import Family

TEXT = {
    name: value
    for name, value in gemma3_text.FAMILY.config.items()
    if name not in ("architectures", "bos_token_id", "eos_token_id")
}

FAMILY = Family(
    config={
        "model_type": "gemma3",
        "architectures": ["Gemma3ForConditionalGeneration"],
        "text_config": TEXT,
        "vision_config": {
            "model_type": "siglip_vision_model",
            "hidden_size": 8,
            "intermediate_size": 12,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 8,
            "patch_size": 4,
        },
        "mm_tokens_per_image": 4,
        "image_token_index": 96,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "tie_word_embeddings": True,
    },
    variants={"untied": {"tie_word_embeddings": False}},
    prefix="model.language_model.",
    states=gemma3_text.FAMILY.states,
    exact=2e-6,
)
