"""python -m model …: the command line, and the only place in model/ that prints."""

import argparse
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from model.commands.arguments import (
    anatomy,
    bench,
    compare,
    convert,
    generate,
    patch,
    probe,
    recall_curves,
    recall_headline,
    recall_page,
    score,
    session,
    trace,
    train_base,
    train_grid,
    train_memory,
)
from model.disk import called


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it went well, 2 with one line on stderr when it could not."""
    options = _parser().parse_args(arguments)
    try:
        command = import_module(f"model.commands.{options.command}")
        for line in command.run_command(options):
            print(_printable(line), flush=True)
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        sys.stdout = None
    except (ValueError, OSError, MemoryError, RuntimeError) as error:
        if not _is_said(error):
            raise
        print(f"{called.command()}: {_in_words(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{called.command()}: stopped; what was written before is kept", file=sys.stderr)
        return 130
    return 0


def _is_said(error: Exception) -> bool:
    """Whether the error's own words are the answer: a RuntimeError only where memory ran out."""
    if not isinstance(error, RuntimeError):
        return True
    torch = sys.modules.get("torch")  # who has not loaded torch did not run out of its memory
    return torch is not None and isinstance(error, torch.OutOfMemoryError)


def _in_words(error: Exception) -> str:
    """The error on one line. What the system says of a file knows no remedy: we add it."""
    if isinstance(error, OSError) and error.strerror:
        which = f"{error.filename}: " if error.filename is not None else ""
        words = f"{which}{error.strerror}. Check that file and its rights, or name another."
    else:
        words = str(error) or type(error).__name__
    return " ".join(words.split())


def _printable(line: str) -> str:
    """The line with what the terminal cannot show written out, such as a byte that is no UTF-8."""
    encoding = sys.stdout.encoding or "utf-8"
    return line.encode(encoding, "backslashreplace").decode(encoding)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=called.command(), description="GPT-2 from inside, on the command line."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add(commands, "anatomy", anatomy, "what is in a checkpoint, or in any GPT's sizes")
    _add(commands, "trace", trace, "every tensor of one prompt, as one .npz file")
    said = "continue a prompt, with a KV cache, without, or with memory"
    _add(commands, "generate", generate, said)
    _add(commands, "session", session, "list, show, reset, export and import memories")
    _add(commands, "probe", probe, "what memory recalls: own probes, tasks, curves, scoreboard")
    recall = commands.add_parser("recall", help="measure what is shipped with a model about its memory")
    measured = recall.add_subparsers(required=True, metavar="WHAT")
    _add(measured, "curves", recall_curves, "the curves and standard tasks of the Recall page")
    _add(measured, "headline", recall_headline, "recall, false recall and mix-ups on probes of your own")
    _add(measured, "page", recall_page, "MEMORY.md, from what was measured")
    said = "put one prompt's activations into another: what brings its answer back"
    _add(commands, "patch", patch, said)
    _add(commands, "compare", compare, "two prompts on one model, or one prompt on two models")
    _add(commands, "convert", convert, "write nanoGPT's or renamed weights as transformers reads them")
    _add(commands, "score", score, "bits per byte of a text file")
    train = commands.add_parser("train", help="train the embedded model, or memory for any")
    what = train.add_subparsers(required=True, metavar="WHAT")
    _add(what, "base", train_base, "the base model")
    _add(what, "memory", train_memory, "memory modules for a frozen GPT-2")
    _add(what, "grid", train_grid, "measure trained memory: facts told × prompts in between")
    _add(commands, "bench", bench, "measure speed and memory against the stock model")
    return parser


def _add(commands: Any, name: str, module: ModuleType, summary: str) -> None:
    parser = commands.add_parser(name, help=summary, description=module.__doc__)
    module.add_arguments(parser)
    parser.set_defaults(command=module.__name__.rpartition(".")[2])


if __name__ == "__main__":
    sys.exit(main())
