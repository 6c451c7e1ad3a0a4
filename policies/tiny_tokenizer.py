"""Tokenizers of tiny models, learned from a few texts, and what deserves one token in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<|vision_pad|>",
)
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for item in message['content'] %}"
    "{% if item['type'] == 'image' %}{{ '<|vision_start|><|image_pad|><|vision_end|>' }}"
    "{% elif item['type'] == 'video' %}{{ '<|vision_start|><|video_pad|><|vision_end|>' }}"
    "{% else %}{{ item['text'] }}{% endif %}{% endfor %}{% endif %}"
    "{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def make_tokenizer(
    corpus: Iterable[str],
    vocab_size: int = 512,
    *,
    whole_words: Sequence[str] = (),
    more_tokens: Sequence[str] = (),
) -> PreTrainedTokenizerFast:
    """Learn a byte-level BPE tokenizer that can encode any text.

    Args:
        corpus: texts whose words should become single tokens; the commonest come first where
            `vocab_size` does not suffice for all.
        vocab_size: upper bound of the vocabulary, at least 264 (256 bytes and 8 special tokens).
        whole_words: strings that are one token wherever they stand, such as tags. They are ordinary
            text.
        more_tokens: special tokens beyond `vocab_size`, such as actions; no text encodes to one.

    Raises:
        ValueError: where `vocab_size` is too small.
    """
    smallest = 256 + len(SPECIAL_TOKENS) + len(whole_words)
    if vocab_size < smallest:
        raise ValueError(f"vocab_size={vocab_size} must be at least {smallest}")
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(whole_words),
        min_frequency=1,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(_without(corpus, whole_words), trainer)
    backend.add_tokens([AddedToken(word, special=False, normalized=False) for word in whole_words])
    backend.add_special_tokens([AddedToken(name, normalized=False) for name in more_tokens])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=[*SPECIAL_TOKENS, *more_tokens],
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


_WHOLE_WORD = re.compile(r"\n[A-Z]\.|</?[a-z]+>| ?\[(?![\d.]+, [\d.]+\])[^\[\]\n]{1,40}\]")


def find_whole_words(corpus: Iterable[str]) -> list[str]:
    """Tags, bracketed action names and times (not points, of which there are too many), and letters
    that open an option's line, as the corpus has them.

    One token each, they cut a tiny model's sequences by a third.
    """
    return sorted({match for text in corpus for match in _WHOLE_WORD.findall(text)})


_NUMBER = re.compile(r"(?<![\d.])\d+\.\d+(?![\d.])")


def find_whole_numbers(corpus: Iterable[str]) -> list[str]:
    """Numbers with a decimal point and all others between the smallest and the largest of as many
    decimals, in their order: 0.41, 0.42, 0.43.

    As one token each they are places on a line, and `smooth_tokens` can say so to a new model.

    Returns:
        Texts, those of fewer decimals first.
    """
    found: dict[int, list[int]] = {}
    for number in {match for text in corpus for match in _NUMBER.findall(text)}:
        decimals = len(number.partition(".")[2])
        found.setdefault(decimals, []).append(int(number.replace(".", "")))
    return [
        f"{count / 10**decimals:.{decimals}f}"
        for decimals, counts in sorted(found.items())
        for count in range(min(counts), max(counts) + 1)
    ]


_SPACED = re.compile(r" (\d+(?:\.\d+)?)")


def find_counts(corpus: Iterable[str]) -> list[str]:
    """Whole numbers of one or two digits that follow a space, with all between the smallest and the
    largest of them, the space included: " 0" to " 16".

    Left out are those that some longer number begins with, which would otherwise be cut in two.
    """
    spaced = {number for text in corpus for number in _SPACED.findall(text)}
    short = {number for number in spaced if number.isdigit() and len(number) <= 2}
    cut = {number[:length] for number in spaced - short for length in (1, 2)}
    if not short:
        return []
    counts = range(min(map(int, short)), max(map(int, short)) + 1)
    return [f" {count}" for count in counts if str(count) not in cut]


def _without(corpus: Iterable[str], whole_words: Sequence[str]) -> Iterable[str]:
    """The corpus with `whole_words` cut out, so that no merges are spent on their parts."""
    for text in corpus:
        for word in whole_words:
            text = text.replace(word, "\n")
        yield text
