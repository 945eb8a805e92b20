"""Draw the README's picture from the real demo: ``python tools/demo_picture.py docs/demo.svg``."""

from __future__ import annotations

import argparse
import io
import os
import tempfile
from pathlib import Path

from rich.console import Console

import quatrain
from quatrain.commands.demo import PROMPT, show
from quatrain.tasks.demo import Journey


def draw(out: Path, *, model: str | None, prompt: str, width: int) -> None:
    """Run the demo in an empty folder, and write what it shows as an SVG."""
    journey = Journey(quatrain.load(model), prompt, max_new_tokens=48)
    console = Console(
        record=True, width=width, file=io.StringIO(), highlight=False, markup=False, emoji=False
    )
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        show(journey, journey.export("quatrain-demo"), console)
    out.write_text(console.export_svg(title="quatrain demo"), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--prompt", default=PROMPT)
    parser.add_argument("--width", type=int, default=88)
    given = parser.parse_args()
    draw(given.out.resolve(), model=given.model, prompt=given.prompt, width=given.width)


if __name__ == "__main__":
    main()
