"""A recording as it is given: a file, samples, or what the network hears of them."""

from __future__ import annotations

import os
import wave
from pathlib import Path
from typing import Any

import numpy as np

from quatrain.audio.spectrogram import HOP, RATE, log_mel
from quatrain.errors import InputError

REMEDY = f" convert it, for example with ffmpeg -i FILE -ar {RATE} -ac 1 -c:a pcm_s16le OUT.wav"


def features(audio: Any, *, bins: int, frames: int) -> np.ndarray:
    """What an encoder of ``frames`` rows of ``bins`` numbers hears, float32 ``[frames, bins]``.

    ``audio``: a path to a .wav file, samples as floats ``[N]`` within [-1, 1], 16000 per second,
    or a spectrogram as ``log_mel`` makes it, which is taken as it is.
    Raises InputError for anything else: another rate, several channels, nothing, more than the
    encoder hears at once, samples that are no numbers.
    """
    if isinstance(audio, str | os.PathLike):
        where, samples = str(audio), read(Path(audio), HOP * frames)
    else:
        where, samples = "[audio]", array(audio)
    if samples.ndim == 2 and samples.shape == (frames, bins):
        finite(samples, where)
        return samples.astype(np.float32)
    if samples.ndim != 1:
        raise InputError(
            f"{where}: expected samples of one channel, [N], or a spectrogram [{frames}, {bins}],"
            f" got an array of shape {list(samples.shape)}"
        )
    if not len(samples):
        raise InputError(f"{where}: expected at least one sample, got none")
    short_enough(where, len(samples), HOP * frames)
    finite(samples, where)
    return log_mel(samples, bins=bins, frames=frames)


def array(audio: Any) -> np.ndarray:
    """Samples that were given, as floats."""
    try:
        found = np.asarray(audio)
    except ValueError as e:
        raise InputError(f"[audio]: expected samples as floats: {e}") from None
    if found.dtype.kind != "f":
        raise InputError(
            f"[audio]: expected a path, or samples as floats within [-1, 1], got {found.dtype}"
        )
    return found


def short_enough(where: str, count: int, most: int) -> None:
    """Raise InputError for more than ``most`` samples."""
    if count > most:
        raise InputError(
            f"{where}: expected at most {most / RATE:g} seconds, got {count / RATE:.2f}: cut it"
            " into parts"
        )


def finite(samples: np.ndarray, where: str) -> None:
    """Raise InputError for the first value that is no number."""
    if not np.isfinite(samples).all():
        at = np.argwhere(~np.isfinite(samples))[0]
        value = samples[tuple(at)]
        raise InputError(f"{where}: expected finite numbers, got {value} at {at.tolist()}")


def read(file: Path, most: int) -> np.ndarray:
    """The samples of a .wav file of one channel, 16000 per second, float32 within [-1, 1].

    Raises InputError for another file, before it reads what is more than ``most`` samples.
    """
    if not file.is_file():
        raise InputError(f"{file}: expected a .wav file, found none")
    try:
        with wave.open(str(file), "rb") as recording:
            form = recording.getparams()
            # One more than there may be: a file that says it is longer is not read.
            data = recording.readframes(min(form.nframes, most + 1))
    except Exception as e:  # of a damaged file this module raises what it happens on
        why = str(e) or type(e).__name__
        raise InputError(f"{file}: expected a .wav file of whole numbers: {why};{REMEDY}") from None
    if form.framerate != RATE:
        found = f"expected {RATE} samples per second, found {form.framerate}"
        raise InputError(f"{file}: {found};{REMEDY}")
    if form.nchannels != 1:
        raise InputError(f"{file}: expected one channel, found {form.nchannels};{REMEDY}")
    if not 1 <= form.sampwidth <= 4:
        found = f"expected samples of 1 to 4 bytes, found {form.sampwidth}"
        raise InputError(f"{file}: {found};{REMEDY}")
    short_enough(str(file), form.nframes, most)
    return whole_numbers(data[: len(data) // form.sampwidth * form.sampwidth], form.sampwidth)


def whole_numbers(data: bytes, width: int) -> np.ndarray:
    """Little-endian samples of ``width`` bytes as float32 within [-1, 1]."""
    if width == 1:  # from 0 to 255
        return np.frombuffer(data, np.uint8).astype(np.float32) / 128 - 1
    # As the upper bytes of 32 bits, which float32 holds as far as it can.
    wide = np.zeros((len(data) // width, 4), np.uint8)
    wide[:, 4 - width :] = np.frombuffer(data, np.uint8).reshape(-1, width)
    return wide.view("<i4")[:, 0].astype(np.float32) / 2**31
