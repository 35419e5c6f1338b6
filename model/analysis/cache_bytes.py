"""How large the KV cache of any model is: pure arithmetic, loads nothing.

bytes = 2 (K and V) × layers × KV heads × head width × bytes of a number × tokens × conversations
"""

from dataclasses import dataclass, fields

from transformers import GPT2Config

DTYPES = {"float32": 32, "bfloat16": 16, "float16": 16, "8 bit": 8, "4 bit": 4}
"""Bits of a number; scales and zero points of the 8 and 4 bit forms are not counted."""


@dataclass(frozen=True)
class CacheShape:
    """What fixes a cache's size. With grouped-query attention n_kv_head < n_head: several query
    heads read the same keys and values (Ainslie et al. 2023, arXiv:2305.13245); 1 is multi-query.
    """

    n_layer: int
    n_head: int
    n_kv_head: int
    d_head: int
    n_tokens: int
    batch: int = 1
    dtype: str = "bfloat16"

    def __post_init__(self) -> None:
        for field in fields(self)[:6]:
            value = getattr(self, field.name)
            if value < 1:
                raise ValueError(
                    f"{field.name} must be at least 1, got {value}. Choose a larger one."
                )
        if self.n_head % self.n_kv_head:
            raise ValueError(
                f"{self.n_kv_head} KV heads cannot share {self.n_head} query heads evenly. Choose "
                f"a divisor of {self.n_head}."
            )
        if self.dtype not in DTYPES:
            raise ValueError(f"Unknown number format {self.dtype!r}. Choose one of "
                             f"{', '.join(DTYPES)}.")

    @property
    def values_per_token(self) -> int:
        """Numbers that one token of one conversation leaves behind, K and V of all layers."""
        return 2 * self.n_layer * self.n_kv_head * self.d_head

    @property
    def bytes_per_token(self) -> int:
        """Bytes that one token of one conversation leaves behind."""
        return self.values_per_token * DTYPES[self.dtype] // 8

    @property
    def n_bytes(self) -> int:
        """Bytes of the whole cache."""
        return self.bytes_per_token * self.n_tokens * self.batch

    @property
    def saved_by_sharing(self) -> int:
        """How many times larger it would be if every query head had its own K and V."""
        return self.n_head // self.n_kv_head


PRESETS = {
    "gpt2": ("GPT-2 small", CacheShape(12, 12, 12, 64, 1024, dtype="float32")),
    "gpt2-medium": ("GPT-2 medium", CacheShape(24, 16, 16, 64, 1024, dtype="float32")),
    "gpt2-large": ("GPT-2 large", CacheShape(36, 20, 20, 64, 1024, dtype="float32")),
    "gpt2-xl": ("GPT-2 XL", CacheShape(48, 25, 25, 64, 1024, dtype="float32")),
    "gpt3": ("GPT-3 175B", CacheShape(96, 96, 96, 128, 2048, dtype="float16")),
    "falcon-7b": ("Falcon 7B", CacheShape(32, 71, 1, 64, 2048)),
    "llama-2-7b": ("Llama 2 7B", CacheShape(32, 32, 32, 128, 4096, dtype="float16")),
    "llama-2-70b": ("Llama 2 70B", CacheShape(80, 64, 8, 128, 4096, dtype="float16")),
    "mistral-7b": ("Mistral 7B v0.3", CacheShape(32, 32, 8, 128, 32_768)),
    "gemma-7b": ("Gemma 7B", CacheShape(28, 16, 16, 256, 8192)),
    "llama-3.1-8b": ("Llama 3.1 8B", CacheShape(32, 32, 8, 128, 131_072)),
    "llama-3.1-70b": ("Llama 3.1 70B", CacheShape(80, 64, 8, 128, 131_072)),
    "llama-3.1-405b": ("Llama 3.1 405B", CacheShape(126, 128, 8, 128, 131_072)),
    "qwen2.5-7b": ("Qwen2.5 7B", CacheShape(28, 28, 4, 128, 131_072)),
    "qwen2.5-72b": ("Qwen2.5 72B", CacheShape(80, 64, 8, 128, 131_072)),
}
"""key -> (title, shape at one conversation that fills the published context length), from each
model's published config.json; GPT-3: Brown et al. 2020 (arXiv:2005.14165), table 2.1."""


def of_model(config: GPT2Config, n_tokens: int, dtype: str) -> CacheShape:
    """A loaded GPT-2's config -> its cache with n tokens, one conversation."""
    H = config.n_head
    return CacheShape(config.n_layer, H, H, config.n_embd // H, n_tokens, dtype=dtype)
