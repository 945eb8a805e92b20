"""Train the default model's tokenizer and weights on the passages that fetch.py wrote.

    python tools/default_model/train.py WORK_FOLDER python/quatrain/default_model

It needs torch, tokenizers and safetensors. One thread is enough: about half an hour on an idle core
with bfloat16 instructions, about an hour without. The data and the seeds are fixed.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from fetch import read_rhymes
from model import CONFIG, GPT2
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor

END = "<|endoftext|>"
SEED = 20
BATCH, LENGTH = 16, 256
# The simplest English is seen more often, the longest book less.
WEIGHTS = {"Alice's Adventures in Wonderland": 2.0, "Carmilla": 1.5, "War and Peace": 0.6}


@dataclass(frozen=True)
class Phase:
    """So many steps with a learning rate from `rate` to `end`, linearly.

    `allowed` is how often a 4-gram may stand in the model's own text before it is penalized;
    `word_starts`: only where a word begins, because a penalty inside a word breaks it.
    `averaged`: the weights at the end of this phase go into the mean that is the model.
    """

    steps: int
    rate: float
    end: float
    rhymes: float
    penalty: float = 0.0
    allowed: int = 1
    word_starts: bool = False
    averaged: bool = False


# Rhymes are to be known by heart, but not before there is some English to hang them on. The strict
# penalty ends all loops, but alone it teaches the model to dodge repetition by breaking words up;
# those after it, against the third occurrence only, let the words heal.
PHASES = (
    Phase(2000, 2e-3, 2e-3, 0.06),
    Phase(900, 2e-3, 0.0, 0.2, penalty=2.0),
    Phase(900, 1e-3, 0.0, 0.17, penalty=5.0, allowed=2, word_starts=True, averaged=True),
    Phase(700, 1e-3, 0.0, 0.15, penalty=3.0, allowed=2, word_starts=True, averaged=True),
)
WARM_STEPS = 100
PROMPTS, NEW_TOKENS, PENALTY_EVERY = 24, 48, 4


def read_passages(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def train_tokenizer(texts: list[str], folder: Path) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=CONFIG["vocab_size"],
            special_tokens=[END],
            show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    return tokenizer


class Windows:
    """Random training windows: from the stories, and a fixed share of rhymes."""

    def __init__(self, rows: list[dict[str, str]], tokenizer: Tokenizer) -> None:
        self.random = random.Random(SEED)
        self.end = tokenizer.token_to_id(END)
        self.rhymes = [
            [
                [*tokenizer.encode(text).ids, self.end],
                [
                    len(tokenizer.encode(text[: index + 1]).ids)
                    for index, letter in enumerate(text)
                    if letter == "\n"
                ],
            ]
            for text in read_rhymes()
        ]
        self.books: list[list[int]] = []
        self.starts: list[list[int]] = []
        weights = []
        for title in dict.fromkeys(row["source"] for row in rows):
            ids: list[int] = []
            starts = []
            for row in rows:
                if row["source"] == title:
                    for paragraph in row["text"].split("\n\n"):
                        starts.append(len(ids))
                        ids += tokenizer.encode(paragraph + "\n\n").ids
            self.books.append([*ids, self.end])
            self.starts.append(starts)
            weights.append(len(ids) * WEIGHTS.get(title, 1.0))
        self.weights = weights
        self.tokens = sum(map(len, self.books))

    def rhyme(self) -> list[int]:
        """Rhymes one after another; the first may be cut to begin at any of its lines."""
        window: list[int] = [self.end] if self.random.random() < 0.5 else []
        first = True
        while len(window) <= LENGTH:
            ids, lines = self.random.choice(self.rhymes)
            cut = self.random.choice([0, *lines]) if first and self.random.random() < 0.3 else 0
            window += ids[cut:]
            first = False
        return window[: LENGTH + 1]

    def story(self) -> list[int]:
        """Half of the windows begin where a paragraph begins, as prompts do."""
        (book,) = self.random.choices(range(len(self.books)), self.weights)
        ids, starts = self.books[book], self.starts[book]
        last = len(ids) - LENGTH - 1
        start = self.random.randrange(last)
        if self.random.random() < 0.5:
            start = min(self.random.choice(starts), last)
        return ids[start : start + LENGTH + 1]

    def batch(self, rhyme_share: float) -> Tensor:
        story = [self.random.random() >= rhyme_share for _ in range(BATCH)]
        return torch.tensor([self.story() if is_story else self.rhyme() for is_story in story])

    def prompts(self) -> Tensor:
        length = self.random.randrange(8, 25)
        return torch.tensor([self.story()[:length] for _ in range(PROMPTS)])


def unlikelihood(model: GPT2, prompts: Tensor, phase: Phase, word_start: Tensor) -> Tensor:
    """What makes greedy text loop, made unlikely: Welleck et al. 2019 (arXiv 1908.04319).

    The model continues the prompts greedily, and each token of its own that completes a 4-gram
    which stood there `phase.allowed` times before is pushed down. (Their sequence-level loss.)
    """
    model.eval()
    ids = model.greedy(prompts, NEW_TOKENS)
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(ids[:, :-1]).float()
    model.train()
    grams = ids.unfold(1, 4, 1)
    same = (grams[:, :, None] == grams[:, None, :]).all(-1).tril(-1)
    repeats = F.pad(same.sum(-1) >= phase.allowed, (3, 0))
    if phase.word_starts:
        repeats &= word_start[ids]
    repeats = repeats[:, prompts.shape[1] :]
    chosen = logits.softmax(-1).gather(2, ids[:, 1:, None])[:, -NEW_TOKENS:, 0]
    return -(torch.log1p(-chosen.clamp(max=1 - 1e-5)) * repeats).mean()


def schedule(step: int) -> tuple[Phase, float]:
    """The phase that a step belongs to, and its learning rate."""
    warm = min(1.0, (step + 1) / WARM_STEPS)
    for phase in PHASES:
        if step < phase.steps:
            return phase, warm * (phase.rate + (phase.end - phase.rate) * step / phase.steps)
        step -= phase.steps
    raise ValueError("training is over")


@torch.no_grad()
def heldout_loss(model: GPT2, rows: list[list[int]]) -> float:
    model.eval()
    loss, count = 0.0, 0
    for ids in rows:
        window = torch.tensor([ids[: LENGTH + 1]])
        logits = model(window[:, :-1])
        loss += F.cross_entropy(logits[0], window[0, 1:], reduction="sum").item()
        count += window.shape[1] - 1
    model.train()
    return loss / count


def save(model: GPT2, folder: Path) -> None:
    tensors = {
        f"transformer.{name}": value.detach().to(torch.float16).contiguous()
        for name, value in model.state_dict().items()
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def save_settings(folder: Path) -> None:
    ends = {"bos_token_id": 0, "eos_token_id": 0}
    files = {
        "config.json": CONFIG,
        "generation_config.json": {**ends, "do_sample": False, "max_new_tokens": 120},
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "add_prefix_space": False,
            "bos_token": END,
            "eos_token": END,
            "unk_token": END,
            "clean_up_tokenization_spaces": False,
            "model_max_length": CONFIG["n_positions"],
        },
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--resume", action="store_true", help="from the last checkpoint")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    options.folder.mkdir(parents=True, exist_ok=True)
    rows = read_passages(options.work / "train.jsonl")
    texts = [row["text"] for row in rows] + read_rhymes()
    tokenizer = train_tokenizer(texts, options.folder)
    heldout = [
        tokenizer.encode(row["text"]).ids for row in read_passages(options.work / "heldout.jsonl")
    ]
    pieces = [tokenizer.decode([index]) for index in range(CONFIG["vocab_size"])]
    word_start = torch.tensor([not piece[:1].isalpha() for piece in pieces])
    windows = Windows(rows, tokenizer)
    save_settings(options.folder)
    model = GPT2()
    matrices = [value for value in model.parameters() if value.ndim == 2]
    vectors = [value for value in model.parameters() if value.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
        betas=(0.9, 0.98),
    )
    print(f"{windows.tokens} story tokens", flush=True)
    checkpoint = options.work / "checkpoint.pt"
    first = 0
    ends: list[dict[str, Tensor]] = []
    if options.resume:
        state = torch.load(checkpoint, weights_only=False)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        windows.random.setstate(state["windows"])
        torch.set_rng_state(state["torch"])
        first, ends = state["step"], state["ends"]
    steps = sum(phase.steps for phase in PHASES)
    began = time.time()
    total = looping = 0.0
    for step in range(first, steps):
        phase, rate = schedule(step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = windows.batch(phase.rhymes)
        ids, targets = batch[:, :-1], batch[:, 1:]
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(ids)
        loss = F.cross_entropy(logits.float().flatten(0, 1), targets.flatten())
        total += loss.item()
        if phase.penalty and step % PENALTY_EVERY == 0:
            penalty = unlikelihood(model, windows.prompts(), phase, word_start)
            looping += penalty.item()
            loss = loss + phase.penalty * penalty
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if phase.averaged and (step + 1 == steps or schedule(step + 1)[0] != phase):
            ends.append({name: value.clone() for name, value in model.state_dict().items()})
        if (step + 1) % 100 == 0:
            line = f"step {step + 1}: training loss {total / 100:.3f}"
            line += f", looping {looping * PENALTY_EVERY / 100:.3f}, {time.time() - began:.0f} s"
            total = looping = 0.0
            if (step + 1) % 500 == 0 or step + 1 == steps:
                line += f", held-out loss {heldout_loss(model, heldout):.3f}"
                save(model, options.folder)
                state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
                state |= {"windows": windows.random.getstate(), "torch": torch.get_rng_state()}
                torch.save({**state, "step": step + 1, "ends": ends}, checkpoint)
            print(line, flush=True)
    model.load_state_dict(
        {name: torch.stack([end[name] for end in ends]).mean(0) for name in ends[0]}
    )
    save(model, options.folder)
    print(f"mean of {len(ends)} phases: held-out loss {heldout_loss(model, heldout):.3f}")


if __name__ == "__main__":
    main()
