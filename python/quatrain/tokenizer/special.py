"""Special tokens under control: which of them a text may name."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any, Literal

from quatrain import _core
from quatrain.errors import InputError

#: What the text of a special token becomes: ``"allow"``, the token; ``"text"``, text like any
#: other; ``"error"``, an `InputError`. A set: the token if it is in the set, else text.
Special = Literal["allow", "text", "error"] | AbstractSet[str]

_ALLOW = _core.tokenizer.SpecialRule()


def to_core(core: Any, special_ids: AbstractSet[int], special: Special) -> Any:
    """The rule, as the core takes it.

    Raises:
        InputError: ``special`` is none of the above, or names what is no special token.
    """
    if isinstance(special, str):
        if special == "allow":
            return _ALLOW
        if special in ("text", "error"):
            return core.special_rule(special == "error", [])
    elif isinstance(special, AbstractSet):
        return core.special_rule(False, [_id(core, special_ids, token) for token in special])
    raise InputError(
        f"special is {special!r}, expected 'allow', 'text', 'error' or a set of special tokens"
    )


def _id(core: Any, special_ids: AbstractSet[int], token: Any) -> int:
    index = core.find(token) if isinstance(token, str) else None
    if index is None or index not in special_ids:
        raise InputError(f"special names {token!r}, which is no special token of this tokenizer")
    return index
