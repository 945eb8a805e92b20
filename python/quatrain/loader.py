"""From a folder, a GGUF file or a hub id to a model on an engine."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from quatrain.engines import make_engine
from quatrain.engines.engine import Engine
from quatrain.errors import CheckpointError
from quatrain.folder import DEFAULT, Folder
from quatrain.gguf.folder import GgufFile, file_in
from quatrain.hub import resolve
from quatrain.marian.folder import MarianFolder
from quatrain.marian.folder import file_in as marian_file_in
from quatrain.model import Model
from quatrain.models import (
    Decoder,
    Encoder,
    EncoderDecoder,
    HeadlessDecoder,
    Network,
    network,
)
from quatrain.module import Param
from quatrain.packed import PackedFile
from quatrain.shared import Shared
from quatrain.tokenizer import Tokenizer
from quatrain.tokenizer.of_model import tokenizer_of
from quatrain.weights import Load, Tensors, bind

#: Weights that were loaded, which models of the same files share.
SHARED = Shared()


def load(
    path_or_id: str | os.PathLike[str] | None = None,
    engine: str = "native",
    threads: int | None = None,
    dtype: str | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    token: str | None = None,
    cache_dtype: str | None = None,
) -> Model:
    """Load a model: a folder, a GGUF file, a hub id, or (None) the one that comes with quatrain.

    ``engine``: "reference", "native" or "onnx". ``threads``: how many a call may use; None takes
    what the process may use. ``dtype``: how "native" holds the weights of linear layers (of the
    output layer too, and of embeddings tied to it): "float32", "float16", "bfloat16", "int8" or
    "int4"; all else is float32. None is float32, what ``Model.save`` wrote the folder in, or the
    blocks that a GGUF file has quantised its matrices to. What each costs in accuracy is in
    docs/precision.md, as is what ``cache_dtype="int8"`` does: keys and values of a generation take
    about a quarter of the memory (on "native" and "reference").
    On "native", models of the same files and dtype share their weights.
    ``revision``, ``cache_dir`` and ``token`` are the hub's.

    Raises CheckpointError, ConfigError, WeightError or TokenizerError for files that are missing
    or wrong, EngineError for an engine that cannot run here.
    """
    path = DEFAULT if path_or_id is None else resolve(path_or_id, revision, cache_dir, token)
    return load_on(opened(path), make_engine(engine, threads, dtype, cache_dtype))


def opened(path: Path) -> Folder:
    """The settings and weights at ``path``: a folder's, or those of the one GGUF or ``.npz`` file
    there. Raises CheckpointError for what cannot be read."""
    try:
        if path.is_dir() and (weights := marian_file_in(path)) is not None:
            return MarianFolder(weights)
        file = file_in(path) if path.is_dir() else path
        return Folder(path) if file is None else GgufFile(file)
    except OSError as e:
        raise CheckpointError(f"{path}: cannot be read: {e.strerror or e}") from None


def load_on(folder: Folder, engine: Engine) -> Model:
    """Load a folder's model on an engine that exists already."""
    net, checkpoint = unbound(folder)
    bind_weights(net, checkpoint, engine)
    where = folder.vocabulary
    tokenizer = None if where is None else tokenizer_of(where, folder.config)
    target = folder.target_vocabulary
    target_tokenizer = None if target is None else Tokenizer.from_file(target)
    return Model(folder, net, engine, tokenizer, reload=load_on, target_tokenizer=target_tokenizer)


def outline(folder: Folder, engine: Engine) -> Network:
    """A folder's network with weights of the right sizes that are not read, to plan with."""
    net, checkpoint = unbound(folder)
    packed = PackedFile.of(checkpoint)
    if packed is not None:
        packed.bind(net, engine)  # which maps the file
    else:
        bind_with(net, checkpoint, lambda key, param, load: engine.unfilled(param, load))
    return net


def network_of(folder: Folder) -> Network:
    """A folder's network without its weights; where it says how vectors are made, an encoder."""
    net = network(folder.config, str(folder.settings))
    if isinstance(net, Decoder) and not isinstance(net, EncoderDecoder):
        headless = folder.sentence.steps or net.bidirectional
        net = HeadlessDecoder(net) if headless else net
    if isinstance(net, Encoder):
        net.sentence = folder.sentence.modules(net.width)
    return net


def unbound(folder: Folder) -> tuple[Network, Tensors]:
    """A folder's network, without the modules that its weights lack, and these."""
    net = network_of(folder)
    checkpoint = folder.checkpoint()
    keys = [net.key(name) for name in checkpoint.names()]
    for name in net.optional:
        if not any(key.startswith(name + ".") for key in keys):
            setattr(net, name, None)
    for name, param, owner, attribute in list(net.params()):
        if param.tied_to is not None and not any(key.startswith(name) for key in keys):
            setattr(owner, attribute, param.tied_to)
    return net, checkpoint


def bind_weights(net: Network, checkpoint: Tensors, engine: Engine) -> None:
    """Give every parameter of ``net`` the engine's tensor.

    A tensor that a model of the same file holds already, in the same form, is not made again.
    """
    packed = PackedFile.of(checkpoint)
    if packed is not None:
        net.weights = packed.bind(net, engine)
        return

    def parameter(key: str, param: Param, load: Load) -> Any:
        form = engine.form(param, load)
        if form is None:
            return engine.parameter(key, param, load)
        return SHARED.value(
            lambda: (load.identity(), engine.name, form),
            lambda: engine.parameter(key, param, load),
        )

    net.weights = bind_with(net, checkpoint, parameter)


def bind_with(
    net: Network, checkpoint: Tensors, parameter: Callable[[str, Param, Load], Any]
) -> dict[str, Any]:
    """``bind`` for a network, which says what its files' keys are."""
    return bind(
        net,
        checkpoint,
        parameter,
        key_of=net.key,
        ignored=(*net.ignored, *net.beside),
        duplicates=net.duplicates,
    )
