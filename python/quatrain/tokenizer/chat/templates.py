"""From messages and a template to the text of a chat, and who wrote which part of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from jinja2 import Template
from jinja2.exceptions import TemplateError, TemplateSyntaxError

from quatrain.errors import InputError, TokenizerError
from quatrain.tokenizer.chat import limits
from quatrain.tokenizer.chat.rendered import Rendered, by_template
from quatrain.tokenizer.chat.sandbox import Sandbox

_DEEPEST = 100
_REASONING = ("reasoning_content", "thinking", "reasoning")


def render(
    source: str,
    name: str,
    messages: Sequence[Mapping[str, Any]],
    special_tokens: Mapping[str, str],
    variables: Mapping[str, Any],
) -> Rendered:
    """The text that a template makes of messages; ``variables`` are the caller's too.

    Raises:
        TokenizerError: the template is malformed, refuses the messages (its own words follow
            ``name``), does too much work, or reaches for what the sandbox does not give.
        InputError: the messages or variables are not JSON values.
    """
    inputs = _Inputs()
    given = {key: inputs.plain(value, key) for key, value in variables.items()}
    given["messages"] = _conversation(messages, inputs)
    tokens = {role: by_template(token) for role, token in special_tokens.items()}
    limits.start(inputs.characters, inputs.items)
    try:
        text = _compiled(source).render({**tokens, **given})
    except TemplateSyntaxError as error:
        raise TokenizerError(f"{name}: line {error.lineno}: {error.message}") from None
    except TemplateError as error:
        raise TokenizerError(f"{name}: {error.message}") from None
    except Exception as error:  # the template's own fault, whatever it is
        raise TokenizerError(f"{name}: {type(error).__name__}: {error}") from None
    assert isinstance(text, Rendered)
    return text


@lru_cache(maxsize=32)
def _compiled(source: str) -> Template:
    return _sandbox().from_source(source)


@lru_cache(maxsize=1)
def _sandbox() -> Sandbox:
    return Sandbox()


def _conversation(messages: Any, inputs: _Inputs) -> list[dict[str, Any]]:
    """The messages as templates expect them, and as transformers gives them.

    Fields that are None are left out; reasoning goes by each of its names.
    """
    if not isinstance(messages, Sequence) or isinstance(messages, str) or not messages:
        raise InputError(f"messages is {messages!r:.60}, expected a list of at least one message")
    found = []
    for i, message in enumerate(messages):
        if not isinstance(message, Mapping):
            raise InputError(f"messages[{i}] is {type(message).__name__}, expected a dict")
        fields = {key: value for key, value in message.items() if value is not None}
        reasoning = next((fields[key] for key in _REASONING if key in fields), None)
        if reasoning is not None:
            fields = {"thinking": reasoning, **fields, "reasoning_content": reasoning}
        found.append(inputs.plain(fields, f"messages[{i}]"))
    return found


class _Inputs:
    """Copies JSON values for a template, and counts them."""

    def __init__(self) -> None:
        self.characters = 0
        self.items = 0

    def plain(self, value: Any, path: str, depth: int = 0) -> Any:
        self.items += 1
        if depth > _DEEPEST:
            raise InputError(f"{path} is nested more than {_DEEPEST} deep")
        if isinstance(value, str):
            self.characters += len(value)
            return Rendered(str.__str__(value))
        if value is None or type(value) in (bool, int, float):
            return value
        if isinstance(value, Mapping):
            for key in value:
                if not isinstance(key, str):
                    raise InputError(f"{path} has the key {key!r}, expected strings")
            return {
                self.plain(key, path): self.plain(item, f"{path}.{key}", depth + 1)
                for key, item in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self.plain(x, f"{path}[{i}]", depth + 1) for i, x in enumerate(value)]
        raise InputError(f"{path} is {type(value).__name__}, expected a JSON value")
