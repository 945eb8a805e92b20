"""Whisper from the recording to the text: the spectrogram, the prompt, a real model on real speech.

What its layers compute is judged with those of all families.
"""

from __future__ import annotations

import base64
import json
import runpy
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import checkpoints
import quatrain
from judge import difference
from quatrain.audio import HOP, RATE, features, log_mel, mel_filters
from quatrain.cli import app
from quatrain.errors import ConfigError, InputError
from quatrain.tasks.memory import forecast
from quatrain.tokenizer import Tokenizer
from quatrain.tokenizer.formats.expressions import GPT2

SENTENCE = (
    "And so my fellow Americans ask not what your country can do for you, ask what you can do for"
    " your country."
)
ENGINES = ("reference", "native", "onnx")
real = pytest.mark.data("whisper", "gpt2")


def noise(seconds: float) -> np.ndarray:
    samples = 0.1 * np.random.default_rng(1).standard_normal(int(RATE * seconds))
    return samples.astype(np.float32)


def written(file: Path, samples: np.ndarray, *, rate=RATE, channels=1, width=2) -> Path:
    """A .wav file of whole numbers of ``width`` bytes."""
    levels = np.round(samples * (2 ** (8 * width - 1) - 1)).astype(np.int64)
    raw = (levels + 128).astype(np.uint8) if width == 1 else levels.astype("<i8")
    parts = raw.tobytes() if width == 1 else raw.view(np.uint8).reshape(-1, 8)[:, :width].tobytes()
    with wave.open(str(file), "wb") as recording:
        recording.setnchannels(channels)
        recording.setsampwidth(width)
        recording.setframerate(rate)
        recording.writeframes(parts)
    return file


# The spectrogram


@real
@pytest.mark.parametrize("bins", [80, 128])
def test_the_filters_are_those_of_openai(bins, test_data):
    theirs = np.load(test_data / "whisper" / "mel_filters.npz")[f"mel_{bins}"]
    assert difference(mel_filters(bins), theirs) <= 1e-7


@pytest.mark.oracle("torch", "transformers")
@pytest.mark.parametrize("bins", [80, 128])
@pytest.mark.parametrize("seconds", [0.001, 0.0126, 3.3, 29.99, 30])
def test_the_spectrogram_is_that_of_transformers(bins, seconds):
    from transformers import WhisperFeatureExtractor

    samples = noise(seconds)
    whole = np.pad(samples, (0, 30 * RATE - len(samples)))
    theirs = WhisperFeatureExtractor(feature_size=bins)._np_extract_fbank_features(
        whole[None], "cpu"
    )
    ours = log_mel(samples, bins=bins, frames=3000)
    assert ours.dtype == np.float32
    assert np.abs(ours - theirs[0].T).max() <= 1e-5


def test_silence_is_a_number():
    found = features(np.zeros(1, np.float32), bins=80, frames=3000)
    assert (found == found[0, 0]).all()
    assert np.isfinite(found).all()


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_a_file_is_its_samples(width, tmp_path):
    samples = noise(0.3)
    file = written(tmp_path / "a.wav", samples, width=width)
    given = features(samples, bins=80, frames=3000)
    for path in (file, str(file)):
        found = features(path, bins=80, frames=3000)
        assert np.abs(found - given).max() <= (0.5 if width == 1 else 0.01)


# What is refused


def test_recordings_that_cannot_be_used(tmp_path, tiny):
    model = quatrain.load(tiny("whisper"))
    samples = noise(0.1)
    rate = written(tmp_path / "rate.wav", samples, rate=44100)
    stereo = written(tmp_path / "stereo.wav", samples, channels=2)
    long = written(tmp_path / "long.wav", noise(0.3))
    text = tmp_path / "text.wav"
    text.write_text("not a recording")
    cut = tmp_path / "cut.wav"
    cut.write_bytes(rate.read_bytes()[:20])
    empty = written(tmp_path / "empty.wav", samples[:0])
    most = HOP * model.network.context / RATE
    for audio, message in (
        (rate, r"rate\.wav: expected 16000 samples per second, found 44100; convert it"),
        (stereo, r"stereo\.wav: expected one channel, found 2"),
        (long, rf"long\.wav: expected at most {most:g} seconds, got 0\.30: cut it"),
        (text, r"text\.wav: expected a \.wav file of whole numbers"),
        (cut, r"cut\.wav: expected a \.wav file of whole numbers"),
        (empty, r"empty\.wav: expected at least one sample"),
        (tmp_path / "none.wav", r"none\.wav: expected a \.wav file, found none"),
        (tmp_path, "expected a .wav file, found none"),
        (noise(0.3), r"\[audio\]: expected at most"),
        (samples[:0], r"\[audio\]: expected at least one sample"),
        (np.array([0.1, np.nan]), r"\[audio\]: expected finite numbers, got nan at \[1\]"),
        (np.array([np.inf, 0.1]), r"expected finite numbers, got inf at \[0\]"),
        (
            np.zeros((2, 100)),
            r"samples of one channel, \[N\], or a spectrogram \[26, 7\], got an arr",
        ),
        (np.full((26, 7), np.nan), "expected finite numbers"),
        (np.zeros(9, np.int16), r"floats within \[-1, 1\], got int16"),
        ([[0.1], [0.1, 0.2]], "expected samples as floats"),
        ([1, 2], "got int64"),
        (None, "got object"),
        (b"RIFF", "expected a path, or samples"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            model.hidden(audio)
        assert "\n" not in str(caught.value)


def test_damaged_files_are_read_or_refused(tmp_path):
    random, refusals = np.random.default_rng(3), 0
    whole = np.frombuffer(written(tmp_path / "a.wav", noise(0.002)).read_bytes(), np.uint8)
    for _ in range(400):
        damaged = whole[: random.integers(1, len(whole) + 1)].copy()
        where = random.integers(0, min(len(damaged), 48), 3)
        damaged[where] = random.choice([0, 1, 4, 127, 128, 255], 3)
        (tmp_path / "b.wav").write_bytes(damaged.tobytes())
        try:
            found = features(tmp_path / "b.wav", bins=5, frames=40)
        except InputError as e:
            refusals += 1
            assert "b.wav: expected" in str(e) and "\n" not in str(e)  # noqa: PT017
        else:
            assert np.isfinite(found).all()
    assert 100 < refusals < 400


def test_a_model_that_does_not_hear_transcribes_nothing(tiny):
    with pytest.raises(InputError, match=r"\[transcribe\] expected a model of shape speechtotext"):
        quatrain.load(tiny("t5")).transcribe(noise(0.1))
    with pytest.raises(InputError, match="expected a tokenizer, found none"):
        quatrain.load(tiny("whisper")).transcribe(noise(0.1))


# The prompt

SPECIAL = (
    *("endoftext", "startoftranscript", "en", "de", "haw", "translate", "transcribe"),
    *("startoflm", "startofprev", "nospeech", "notimestamps", "0.00", "0.02"),
)
START = 257


@pytest.fixture
def speaker(tmp_path):
    """A function: fields of ``generation_config.json`` -> a random model with a tokenizer."""

    def make(engine: str = "native", **fields):
        folder = tmp_path / "model"
        if not folder.exists():
            checkpoints.write(folder, "whisper", vocab_size=256 + len(SPECIAL))
            ranks = "".join(f"{base64.b64encode(bytes([i])).decode()} {i}\n" for i in range(256))
            (tmp_path / "bytes.tiktoken").write_text(ranks)
            specials = {f"<|{name}|>": 256 + i for i, name in enumerate(SPECIAL)}
            Tokenizer.from_file(
                tmp_path / "bytes.tiktoken", pattern=GPT2, special_tokens=specials
            ).save(folder)
        known = {"eos_token_id": 256, "decoder_start_token_id": START}
        (folder / "generation_config.json").write_text(json.dumps(known | fields))
        return quatrain.load(folder, engine=engine)

    return make


def test_an_english_model_begins_without_language(speaker):
    model = speaker(suppress_tokens=[5, *range(256, 269)], forced_decoder_ids=[[1, 266]])
    audio = noise(0.2)
    found = model.transcribe(audio, max_new_tokens=5)
    same = model.generate(audio, decoder_ids=[START, 266], max_new_tokens=5)
    assert found.ids == same.ids and found.language == "en"
    assert len(found.ids) == 5 and 5 not in found.ids and max(found.ids) < 256
    assert found.text == same.text.strip()
    assert model.transcribe(audio, language="en", max_new_tokens=5) == found
    with pytest.raises(InputError, match="expected language en and task transcribe"):
        model.transcribe(audio, language="de")
    with pytest.raises(InputError, match="expected language en and task transcribe"):
        model.transcribe(audio, task="translate")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_language_is_told_or_found_out(engine, speaker):
    model = speaker(engine, is_multilingual=True)
    audio = noise(0.2)
    told = model.transcribe(audio, language="haw", task="translate", max_new_tokens=4)
    same = model.generate(audio, decoder_ids=[START, 260, 261, 266], max_new_tokens=4)
    assert (told.ids, told.language) == (same.ids, "haw")
    first = model.logits(audio, decoder_ids=[START])[0]
    language = ("en", "de", "haw")[first[258:261].argmax()]
    found = model.transcribe(audio, num_beams=2, max_new_tokens=4)
    assert found == model.transcribe(audio, language=language, num_beams=2, max_new_tokens=4)
    assert found.language == language and len(found.beams) == 1
    with pytest.raises(InputError, match="language: expected one of en, de, haw, got 'fr'"):
        model.transcribe(audio, language="fr")
    with pytest.raises(InputError, match="task: expected transcribe or translate, got 'sing'"):
        model.transcribe(audio, task="sing")


def test_a_text_may_be_as_long_as_the_context(speaker):
    model = speaker(suppress_tokens=list(range(256, 269)))
    found = model.transcribe(noise(0.1))
    assert len(found.ids) == model.network.target_context - 2
    assert found.finish_reason == "length"


def test_the_command_line(speaker, tmp_path):
    model = speaker()
    file = written(tmp_path / "speech.wav", noise(0.2))
    want = model.transcribe(file, max_new_tokens=4)
    command = ["transcribe", str(file), "-m", str(model.path), "--max-new-tokens", "4"]
    runner = CliRunner()
    assert "quatrain transcribe -m" in runner.invoke(app, ["transcribe", "--help"]).stdout
    assert runner.invoke(app, command).stdout == want.text + "\n"
    found = json.loads(runner.invoke(app, [*command, "--json"]).stdout)
    assert found.pop("seconds") > 0
    assert found == {
        "model": str(model.path), "engine": "native", "file": str(file), "text": want.text,
        "language": "en", "ids": want.ids, "finish_reason": want.finish_reason,
    }  # fmt: skip
    refused = runner.invoke(app, ["transcribe", str(tmp_path / "no.wav"), "-m", str(model.path)])
    assert refused.exit_code == 2 and "no.wav: expected a .wav file" in refused.stderr


def test_all_engines_agree(tiny):
    report = quatrain.verify(tiny("whisper"))
    assert report.passed and len(report.cases) == 6


def test_the_memory_of_a_pass_is_known(tiny):
    model = quatrain.load(tiny("whisper"))
    net, engine = model.network, model.engine
    one, two = (forecast(net, engine, batch=n, tokens=5) for n in (1, 2))
    assert 0 < one["activations"] < two["activations"] and 0 < one["caches"] < two["caches"]
    with pytest.raises(InputError, match="expected at most 64 tokens, got 65"):
        forecast(net, engine, batch=1, tokens=65)


def test_a_config_that_is_not_whispers(tmp_path):
    for field, value, message in (
        ("scale_embedding", True, "scale_embedding: expected False, found True"),
        ("decoder_attention_heads", 5, "d_model: expected a multiple"),
        ("activation_function", "mish", "activation_function"),
    ):
        with pytest.raises(ConfigError, match=message):
            checkpoints.write(tmp_path, "whisper", **{field: value})


# Other forms of the weights


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int8", "int4"])
def test_weights_of_any_form_are_saved_as_they_are(dtype, tiny, tmp_path):
    """Convolutions are packed as linear layers are."""
    model = quatrain.load(tiny("whisper"), dtype=dtype)
    audio, ids = noise(0.2), [2, 5, 9]
    want = model.logits(audio, decoder_ids=ids)
    model.save(tmp_path / "saved")
    again = quatrain.load(tmp_path / "saved")
    assert again.logits(audio, decoder_ids=ids).tobytes() == want.tobytes()
    whole = quatrain.load(tiny("whisper")).logits(audio, decoder_ids=ids)
    limit = {"float16": 2e-3, "bfloat16": 2e-2, "int8": 5e-2, "int4": 0.5}[dtype]
    assert 0 < difference(want, whole) <= limit


# A real model


@pytest.fixture(scope="session")
def recipe() -> dict[str, Any]:
    """What ``tools/openai_whisper.py`` defines."""
    return runpy.run_path(str(Path(__file__).parents[1] / "tools" / "openai_whisper.py"))


@pytest.mark.data("tokenizers")
@pytest.mark.oracle("torch")
@pytest.mark.parametrize(
    ("size", "ids"),
    [(51865, [50258, 50259, 50357, 50359, 50363]), (51866, [50258, 50259, 50357, 50360, 50364])],
)
def test_the_recipe_numbers_special_tokens_as_openai_does(size, ids, recipe, test_data):
    """As in the published configs of Whisper small and large-v3."""
    ranks = test_data / "tokenizers" / "whisper.tiktoken"
    tokenizer, special = recipe["tokenizer_of"](ranks, size)
    names = ("startoftranscript", "en", "su", "transcribe", "notimestamps")
    assert [special[f"<|{name}|>"] for name in names] == ids
    fields = recipe["generation"](tokenizer, special, {"n_vocab": size, "n_text_ctx": 448})
    assert len(fields["suppress_tokens"]) == 88
    assert fields["begin_suppress_tokens"] == [220, 50257]
    assert fields["is_multilingual"] and len(fields["lang_to_id"]) == size - 51766


@pytest.fixture(scope="session")
def tiny_en(tmp_path_factory, test_data, recipe) -> Path:
    """OpenAI's tiny.en in Hugging Face's form."""
    out = tmp_path_factory.mktemp("whisper") / "tiny.en"
    ranks = test_data / "gpt2" / "gpt2.tiktoken"
    recipe["main"](str(test_data / "whisper" / "tiny.en.pt"), str(ranks), str(out))
    return out


@real
@pytest.mark.oracle("torch")
@pytest.mark.parametrize("engine", ENGINES)
def test_a_sentence_word_for_word(engine, tiny_en, test_data):
    found = quatrain.load(tiny_en, engine=engine).transcribe(test_data / "whisper" / "jfk.wav")
    assert found.text == SENTENCE
    assert (found.language, found.finish_reason) == ("en", "eos")


@real
@pytest.mark.oracle("torch", "transformers")
def test_the_logits_of_a_real_model(tiny_en, test_data):
    """transformers in float64, on the same spectrogram and on the sentence itself."""
    import torch
    from transformers import WhisperForConditionalGeneration

    torch.set_num_threads(1)
    model = quatrain.load(tiny_en)
    rows = model.sample(test_data / "whisper" / "jfk.wav").ids
    ids = [50257, 50362, *model.tokenizer.encode(" " + SENTENCE).ids]
    judge = WhisperForConditionalGeneration.from_pretrained(tiny_en, dtype=torch.float64)
    with torch.no_grad():
        heard = torch.tensor(rows.T.astype(np.float64))[None]
        encoded = judge.model.encoder(heard)
        want = judge(encoder_outputs=encoded, decoder_input_ids=torch.tensor([ids])).logits[0]
    encoded = encoded.last_hidden_state[0].numpy()
    for engine in ("native", "onnx"):
        ours = model if engine == "native" else quatrain.load(tiny_en, engine=engine)
        assert difference(ours.hidden(rows), encoded) <= 1e-4
        assert difference(ours.logits(rows, decoder_ids=ids), want.numpy()) <= 1e-4
    assert model.transcribe(rows).text == SENTENCE
