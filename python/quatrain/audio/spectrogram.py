"""The log-mel spectrogram of Whisper (Radford et al. 2022), in NumPy."""

from __future__ import annotations

import functools

import numpy as np

#: Samples per second; samples in a window of the Fourier transform, and from one to the next.
RATE, WINDOW, HOP = 16000, 400, 160
#: What the mel scale has below 1 kHz for each mel, in Hz, and above for each step in ln Hz.
LINEAR, LOGARITHMIC = 200 / 3, np.log(6.4) / 27


def log_mel(samples: np.ndarray, *, bins: int, frames: int) -> np.ndarray:
    """What Whisper's encoder hears of a recording: float32 ``[frames, bins]``.

    samples float ``[N]``, 16000 per second, at most ``HOP * frames``; silence is put behind them.
    The power of each window of 25 ms, every 10 ms, in ``bins`` bands of the mel scale; its common
    logarithm, down to 8 below the largest, scaled to be about 1. Computed in float64.
    """
    length = HOP * frames
    side = WINDOW // 2
    whole = np.zeros(length)
    whole[: len(samples)] = samples
    # Later windows hold nothing but silence.
    heard = min(frames, (len(samples) + side) // HOP + 1)
    padded = np.pad(whole, side, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:heard]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi / WINDOW * np.arange(WINDOW))
    waves = np.fft.rfft(windows * hann)
    power = waves.real**2 + waves.imag**2
    levels = np.full((frames, bins), -10.0)
    levels[:heard] = np.log10(np.maximum(power @ mel_filters(bins).T, 1e-10))
    return ((np.maximum(levels, levels.max() - 8) + 4) / 4).astype(np.float32)


@functools.cache
def mel_filters(bins: int) -> np.ndarray:
    """How much each frequency of a window adds to each band: float64 ``[bins, WINDOW // 2 + 1]``.

    Triangles over the mel scale from 0 to 8 kHz, each of area 1 over Hz (Slaney 1998, as librosa
    computes it).
    """
    edges = hertz(np.linspace(0, mels(RATE / 2), bins + 2))
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    frequency = np.linspace(0, RATE / 2, WINDOW // 2 + 1)
    rising, falling = (frequency - low) / (centre - low), (high - frequency) / (high - centre)
    return np.maximum(0, np.minimum(rising, falling)) * (2 / (high - low))


def mels(frequency: float) -> float:
    """A frequency of at least 1 kHz, in Hz, on the mel scale."""
    return float(1000 / LINEAR + np.log(frequency / 1000) / LOGARITHMIC)


def hertz(mel: np.ndarray) -> np.ndarray:
    """Points of the mel scale in Hz: linear up to 1 kHz, logarithmic from there on."""
    knee = 1000 / LINEAR
    return np.where(mel < knee, LINEAR * mel, 1000 * np.exp(LOGARITHMIC * (mel - knee)))
