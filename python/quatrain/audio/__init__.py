"""Recordings: reading them, and the spectrogram that a network hears."""

from quatrain.audio.recording import RATE, features
from quatrain.audio.spectrogram import HOP, log_mel, mel_filters

__all__ = ["HOP", "RATE", "features", "log_mel", "mel_filters"]
