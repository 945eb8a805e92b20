"""Files beside a tokenizer's own: special tokens by role, chat templates, and settings."""

from __future__ import annotations

from quatrain.errors import TokenizerError
from quatrain.tokenizer.description import Source
from quatrain.tokenizer.formats.fields import Node, parse

CONFIG = "tokenizer_config.json"
SPECIAL_TOKENS = "special_tokens_map.json"
ADDED_TOKENS = "added_tokens.json"
TEMPLATE = "chat_template.jinja"
LEGACY_TEMPLATE = "chat_template.json"
SIDE_FILES = (CONFIG, SPECIAL_TOKENS, ADDED_TOKENS, TEMPLATE, LEGACY_TEMPLATE)
#: Holds further templates, each in a file ``NAME.jinja``.
TEMPLATE_FOLDER = "additional_chat_templates"
#: What a tokenizer was opened with, if not with its files alone; written beside them.
OPTIONS_FILE = "tokenizer_options.json"

ROLES = ("bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token")


def parsed(source: Source, file: str) -> Node | None:
    """The root of a side file; None where the tokenizer has no such file."""
    data = source.files.get(file)
    return None if data is None else parse(data, source.path_of(file))


def option(source: Source, name: str) -> Node:
    """An option that the source has, with its place: the caller's, or saved in a file."""
    if name in source.saved:
        return Node(source.options[name], source.path_of(OPTIONS_FILE), name)
    return Node(source.options[name], source.name, f"option {name}")


def roles(source: Source) -> dict[str, Node]:
    """The tokens that the side files name by role, each with its place for complaints."""
    return {
        role: field.child("content") if isinstance(field.value, dict) else field
        for role, field in role_fields(source).items()
    }


def role_fields(source: Source) -> dict[str, Node]:
    """What the side files say of each role: a token, or an object of one and its flags."""
    found: dict[str, Node] = {}
    for file in (CONFIG, SPECIAL_TOKENS):  # the first that names a role decides
        if (root := parsed(source, file)) is None:
            continue
        for role in ROLES:
            field = root.optional(role)
            if role not in found and field is not None:
                found[role] = field
    return found


def chat_templates(source: Source) -> dict[str, str]:
    """The sources of the chat templates in the side files, by name; the usual one is "default".

    A file of its own comes before a field of ``tokenizer_config.json``.
    """
    found: dict[str, str] = {}
    for file in (CONFIG, LEGACY_TEMPLATE):
        root = parsed(source, file)
        field = root.optional("chat_template") if root is not None else None
        if field is None:
            continue
        if isinstance(field.value, list):
            for item in field.items():
                found[item.child("name").text()] = item.child("template").text()
        else:
            found["default"] = field.text()
    for file, data in source.files.items():
        folder, _, name = file.rpartition("/")
        if file == TEMPLATE or folder == TEMPLATE_FOLDER:
            name = "default" if file == TEMPLATE else name.removesuffix(".jinja")
            found[name] = _decoded(data, source.path_of(file))
    return found


def _decoded(data: bytes, path: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise TokenizerError(f"{path}: not UTF-8 at byte {error.start}") from None
