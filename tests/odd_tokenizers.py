"""Tokenizers that are not GPT-2's, written into a folder: each returns the size of its vocabulary."""

import json
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from tests.conftest import byte_tokenizer

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "für", "café", "größ", "##er", "Hi", "ist", "."]


def settings(folder: Path, **said) -> None:
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps((json.loads(path.read_text()) if path.exists() else {}) | said))


def own_parts(folder: Path) -> int:
    """GPT-2's kind as vocab.json and merges.txt."""
    (folder / "vocab.json").write_text(json.dumps(byte_tokenizer().get_vocab()))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return 257


def added_beside(folder: Path) -> int:
    own_parts(folder)
    (folder / "added_tokens.json").write_text(json.dumps({"<|pad|>": 257, "für": 258}))
    return 259


def added_in_settings(folder: Path) -> int:
    own_parts(folder)
    token = {"content": "<|pad|>", "lstrip": False, "normalized": False, "rstrip": False,
             "single_word": False, "special": True}
    settings(folder, tokenizer_class="GPT2Tokenizer", added_tokens_decoder={
        "257": token, "258": token | {"content": "für", "special": False}})
    return 259


def with_space(folder: Path) -> int:
    own_parts(folder)
    settings(folder, tokenizer_class="GPT2Tokenizer", add_prefix_space=True)
    return 257


def with_beginning(folder: Path) -> int:
    own_parts(folder)
    settings(folder, tokenizer_class="GPT2Tokenizer", add_bos_token=True)
    return 257


def wordpiece(folder: Path) -> int:
    """vocab.txt, and a class that reads it."""
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    settings(folder, tokenizer_class="BertTokenizer", do_lower_case=False)
    return len(WORDS)


def wordpiece_in_one_file(folder: Path) -> int:
    raw = Tokenizer(models.WordPiece({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
    raw.save(str(folder / "tokenizer.json"))
    settings(folder, tokenizer_class="PreTrainedTokenizerFast", unk_token="[UNK]")
    return len(WORDS)


def ends_of_words(folder: Path) -> int:
    """BPE whose tokens say where a word ends."""
    raw = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    raw.decoder = decoders.BPEDecoder(suffix="</w>")
    raw.train_from_iterator(["für Hi Hi."] * 9, trainers.BpeTrainer(
        vocab_size=40, special_tokens=["<unk>"], end_of_word_suffix="</w>"))
    raw.save(str(folder / "tokenizer.json"))
    settings(folder, tokenizer_class="PreTrainedTokenizerFast", unk_token="<unk>")
    return raw.get_vocab_size()


def unigram(folder: Path) -> int:
    raw = Tokenizer(models.Unigram())
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    raw.train_from_iterator(["für größer Hi Hi there 🙂"] * 9, trainers.UnigramTrainer(
        vocab_size=40, special_tokens=["<unk>", "<s>", "</s>"], unk_token="<unk>"))
    raw.save(str(folder / "tokenizer.json"))
    settings(folder, tokenizer_class="PreTrainedTokenizerFast", unk_token="<unk>", bos_token="<s>",
             eos_token="</s>")
    return raw.get_vocab_size()


def characters(folder: Path, alphabet: str = "abcdefghiü .H") -> int:
    """A token a character; no token for a beginning or an end."""
    raw = Tokenizer(models.WordLevel(
        {c: i for i, c in enumerate(["<unk>", *alphabet])}, unk_token="<unk>"))
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.Split(Regex("."), "isolated"), decoders.Fuse()
    raw.save(str(folder / "tokenizer.json"))
    settings(folder, tokenizer_class="PreTrainedTokenizerFast", unk_token="<unk>")
    return 1 + len(alphabet)


def with_holes(folder: Path) -> int:
    """Characters whose ids leave some out."""
    raw = Tokenizer(models.WordLevel(
        {c: 3 * i for i, c in enumerate(["<unk>", *"abcdefghiü .H"])}, unk_token="<unk>"))
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.Split(Regex("."), "isolated"), decoders.Fuse()
    raw.save(str(folder / "tokenizer.json"))
    settings(folder, tokenizer_class="PreTrainedTokenizerFast", unk_token="<unk>")
    return 3 * 13 + 1


def letters_only(folder: Path) -> int:
    """The same without a space."""
    return characters(folder, "abcdefghiüH.")


def without_unknown(folder: Path) -> int:
    """Characters, and nothing for those that it does not know."""
    raw = Tokenizer(models.WordLevel({c: i for i, c in enumerate("abc ")}, unk_token="<unk>"))
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.Split(Regex("."), "isolated"), decoders.Fuse()
    raw.save(str(folder / "tokenizer.json"))
    settings(folder, tokenizer_class="PreTrainedTokenizerFast")
    return 4


def bytes_of_t5(folder: Path) -> int:
    """A tokenizer without any file, in Python."""
    settings(folder, tokenizer_class="ByT5Tokenizer")
    return 384
