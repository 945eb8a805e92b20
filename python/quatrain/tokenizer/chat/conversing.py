"""The part of a `Tokenizer` that renders conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from quatrain.errors import InputError
from quatrain.tokenizer.chat.chat import Chat, apply
from quatrain.tokenizer.description import Description
from quatrain.tokenizer.vocabulary import Vocabulary

#: Options of ``transformers`` without a meaning here.
_NO_VARIABLES = {
    *("tokenize", "return_tensors", "return_dict", "return_assistant_tokens_mask"),
    *("continue_final_message", "padding", "truncation", "max_length"),
}


class Conversing(Vocabulary):
    """A vocabulary and the chat templates that go with it."""

    def __init__(self, core: Any, description: Description, name: str):
        super().__init__(core, description)
        self._name = name
        self._chat_templates = description.chat_templates
        self._role_texts = {role: node.text() for role, node in description.roles.items()}
        added = description.spec.added_tokens
        self._plain_added = {token.content: token.id for token in added if not token.special}
        self._plain_added |= description.user_defined

    @property
    def chat_templates(self) -> dict[str, str]:
        """The Jinja sources of the chat templates in the files, by name; often one, "default"."""
        return dict(self._chat_templates)

    def apply_chat_template(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None = None,
        documents: Sequence[Mapping[str, Any]] | None = None,
        *,
        add_generation_prompt: bool = True,
        chat_template: str | None = None,
        **variables: Any,
    ) -> Chat:
        """A conversation as the model expects it, rendered by a chat template and encoded.

        The text is what ``transformers`` renders, and the ids are those of that text, but for
        this: what messages say is text. Only the template itself can write special tokens, and the
        added tokens, or user-defined pieces, that its source names.

        Templates run in Jinja2's sandbox, and do a bounded amount of work; they may be a
        stranger's.

        Args:
            messages: dicts of JSON values, as ``{"role": "user", "content": "Hello"}``.
            tools: JSON schemas of functions that the model may call.
            documents: dicts that a template may quote.
            add_generation_prompt: whether to end with what begins the model's answer.
            chat_template: the name of one of `chat_templates`, or a source. By default "tool_use"
                where there are tools and such a template, else "default".
            variables: what else the template may use.

        Raises:
            InputError: a value is not JSON, a variable has the name of an option that
                ``transformers`` has and this has not, or jinja2 is not installed.
            TokenizerError: there is no template, or it fails, refuses the messages, or does too
                much work.
        """
        for option in sorted(_NO_VARIABLES & variables.keys()):
            raise InputError(f"{option} is not supported, and cannot be a template's variable")
        return apply(
            self._core,
            self._chat_templates,
            self._role_texts,
            self._plain_added,
            self._name,
            messages,
            chat_template,
            {
                **variables,
                "tools": tools,
                "documents": documents,
                "add_generation_prompt": add_generation_prompt,
            },
        )
