"""Classifying texts as fastText does (Joulin et al. 2016), with the rows of every word remembered.

fastText spends its time hashing the character n-grams of every word, and words repeat (Zipf). Here the list of input
rows of a word is remembered, verified by the bytes of the word, so that a text costs the additions only. They are made
in the library's order and precision: the hidden vector is the same to the last bit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dj_assets.kernels.arrays import Bytes, Doubles, Int, Int32s, Int64s, UInt64s
from dj_assets.kernels.jit import kernel

Floats = npt.NDArray[np.float32]

# Longer words are rare: their rows are found anew each time. A length fits the lower byte of a record's head.
LONGEST_REMEMBERED = 62
# So many bytes of a word are cut into n-grams at a time; so many rows wait to be added before they are.
CHUNK, QUEUE = 64, 2048
MARKS = b"</s>__label__"

# Input rows are padded to a multiple of this.
BLOCK = 16

_FNV_BASIS, _FNV_PRIME = np.uint32(2166136261), np.uint32(16777619)


class Classifier(NamedTuple):
    """A fastText classifier. `slots` is an open hash table of the words, -1 where empty; its size a power of two.

    Input rows are padded with zeros to a multiple of `BLOCK`. `marks` are the bytes of `MARKS`, the words that
    fastText takes for something else: the end of a sentence, and the prefix of labels. `kept` has one bit a bucket:
    whether `row_of_bucket` has a row; most buckets of a compressed model have none.
    """

    rows: Floats
    row_of_bucket: Int32s
    kept: Bytes
    shortest: int
    longest: int
    slots: Int32s
    letters: Bytes
    word_offsets: Int64s
    end_of_sentence: int
    marks: Bytes
    output: Floats
    left: Int32s
    right: Int32s


class Memo(NamedTuple):
    """The input rows of the words met so far, bounded: when it is full, all is forgotten.

    `slots` is an open hash table: 0 where empty, else the hash in the upper half and the place of the record in the
    lower. A record in `pool` is its head (length of the word, 256 times the number of rows), the bytes of the word,
    the rows. `letters` are the bytes of `pool`; `used` counts records and the numbers they take.
    """

    slots: UInt64s
    pool: Int32s
    letters: Bytes
    used: Int64s


def new_memo(words: int = 1 << 19) -> Memo:
    """Return an empty memo for up to `words` words, about 64 bytes each."""
    pool = np.zeros(12 * words, np.int32)
    return Memo(np.zeros(2 * words, np.uint64), pool, pool.view(np.uint8), np.array([0, 1]))


@kernel
def _hash(seed: np.uint32, byte: np.uint8) -> np.uint32:
    """Add a byte to fastText's variant of FNV-1a, which takes bytes as signed."""
    return np.uint32((seed ^ np.uint32(np.int8(byte))) * _FNV_PRIME)


@kernel
def _equal(a: Bytes, a_start: Int, b: Bytes, b_start: Int, length: Int) -> bool:
    i = 0
    while i < length and a[a_start + i] == b[b_start + i]:
        i += 1
    return i == length


@kernel
def word_slots(letters: Bytes, offsets: Int64s, slots: Int32s) -> None:
    """Enter words into an open hash table, which is larger than their number."""
    mask = len(slots) - 1
    for word in range(len(offsets) - 1):
        code = _FNV_BASIS
        for i in range(offsets[word], offsets[word + 1]):
            code = _hash(code, letters[i])
        slot = np.int64(code) & mask
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
        slots[slot] = word


@kernel
def _known_word(model: Classifier, word: Bytes, code: np.uint32) -> Int:
    """Return the number in the dictionary of a word in angle brackets, -1 where it is not there."""
    mask = len(model.slots) - 1
    slot = np.int64(code) & mask
    while model.slots[slot] >= 0:
        known = np.int64(model.slots[slot])
        at, end = model.word_offsets[known], model.word_offsets[known + 1]
        if end - at == len(word) - 2 and _equal(model.letters, at, word, 1, end - at):
            return known
        slot = (slot + 1) & mask
    return -1


@kernel
def _add(hidden: Floats, rows: Floats, chosen: Int32s) -> None:
    """Add the chosen rows, one after the other; a block of sums stays in registers meanwhile."""
    for block in range(0, len(hidden), BLOCK):
        h = hidden[block : block + BLOCK]
        a, b, c, d, e, f, g, i = h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7]
        j, k, m, n, o, p, q, r = h[8], h[9], h[10], h[11], h[12], h[13], h[14], h[15]
        for row in chosen:
            x = rows[row, block : block + BLOCK]
            a, b, c, d, e, f, g, i = a + x[0], b + x[1], c + x[2], d + x[3], e + x[4], f + x[5], g + x[6], i + x[7]
            j, k, m, n = j + x[8], k + x[9], m + x[10], n + x[11]
            o, p, q, r = o + x[12], p + x[13], q + x[14], r + x[15]
        h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7] = a, b, c, d, e, f, g, i
        h[8], h[9], h[10], h[11], h[12], h[13], h[14], h[15] = j, k, m, n, o, p, q, r


@kernel
def _queue_ngrams(model: Classifier, word: Bytes, start: Int, stop: Int, queue: Int32s, queued: Int) -> Int:
    """Queue the rows of the character n-grams of a word in angle brackets that start in some of its bytes."""
    kept, row_of_bucket = model.kept, model.row_of_bucket
    buckets = np.uint32(len(row_of_bucket))
    for first in range(start, stop):
        if word[first] & 0xC0 == 0x80:
            continue
        code = _FNV_BASIS
        i = first
        n = 1
        while n <= model.longest and i < len(word):
            code = _hash(code, word[i])
            i += 1
            while i < len(word) and word[i] & 0xC0 == 0x80:
                code = _hash(code, word[i])
                i += 1
            bucket = np.int64(code % buckets)
            bracket_alone = n == 1 and (first == 0 or i == len(word))
            if n >= model.shortest and not bracket_alone and kept[bucket >> 3] >> (bucket & 7) & 1:
                queue[queued] = row_of_bucket[bucket]
                queued += 1
            n += 1
    return queued


@kernel
def _queue_word(
    model: Classifier, word: Bytes, code: np.uint32, queue: Int32s, queued: Int, hidden: Floats
) -> tuple[Int, Int]:
    """Queue the rows of a word in angle brackets; return the length of the queue and the number of the rows."""
    count = -queued
    known = _known_word(model, word, code)
    if known >= 0:
        queue[queued] = known
        queued += 1
    for start in range(0, len(word), CHUNK):
        if queued > QUEUE:
            _add(hidden, model.rows, queue[:queued])
            count += queued
            queued = 0
        queued = _queue_ngrams(model, word, start, min(start + CHUNK, len(word)), queue, queued)
    return queued, count + queued


@kernel
def _remember(memo: Memo, data: Bytes, start: Int, length: Int, code: np.uint32, rows: Int32s) -> None:
    """Make a record of a word that has none; forget all others first where there is no room."""
    head = memo.used[1]
    begin = head + 1 + (length + 3) // 4
    if begin + len(rows) > len(memo.pool) or 2 * memo.used[0] >= len(memo.slots):
        memo.slots[:] = 0
        memo.used[0], memo.used[1] = 0, 1
        return
    memo.pool[head] = length + 256 * len(rows)
    for i in range(length):
        memo.letters[4 * (head + 1) + i] = data[start + i]
    memo.pool[begin : begin + len(rows)] = rows
    mask = len(memo.slots) - 1
    slot = np.int64(code ^ (code >> np.uint32(15))) & mask
    while memo.slots[slot]:
        slot = (slot + 1) & mask
    memo.slots[slot] = np.uint64(code) << np.uint64(32) | np.uint64(head)
    memo.used[0] += 1
    memo.used[1] = begin + len(rows)


@kernel
def _record(slots: UInt64s, pool: Int32s, letters: Bytes, data: Bytes, start: Int, length: Int, code: np.uint32) -> Int:
    """Return the place of the record of a word in the memo, 0 where there is none."""
    mask = len(slots) - 1
    slot = np.int64(code ^ (code >> np.uint32(15))) & mask
    while slots[slot]:
        if slots[slot] >> np.uint64(32) == code:
            head = np.int64(slots[slot] & np.uint64(0xFFFFFFFF))
            if pool[head] & 255 == length and _equal(letters, 4 * (head + 1), data, start, length):
                return head
        slot = (slot + 1) & mask
    return 0


@kernel
def _is_space(byte: np.uint8) -> bool:
    return bool(byte == 32 or 9 <= byte <= 13 or byte == 0)


@kernel
def _word_end(data: Bytes, i: Int, end: Int) -> tuple[Int, np.uint32]:
    """Return where the word that starts at `i` ends, and its hash."""
    code = _FNV_BASIS
    while i < end and not _is_space(data[i]):
        code = _hash(code, data[i])
        i += 1
    return i, code


@kernel
def _starts_with(data: Bytes, start: Int, length: Int, text: Bytes) -> bool:
    return bool(length >= len(text) and _equal(text, 0, data, start, len(text)))


@kernel
def _bracketed(data: Bytes, start: Int, length: Int, scratch: Bytes) -> Bytes:
    """Return a word in angle brackets, as fastText cuts it into n-grams."""
    scratch[0], scratch[length + 1] = 60, 62
    for i in range(length):
        scratch[i + 1] = data[start + i]
    return scratch[: length + 2]


@kernel
def _hidden(
    model: Classifier, memo: Memo, data: Bytes, start: Int, end: Int, scratch: Bytes, queue: Int32s, hidden: Floats
) -> None:
    """Write the mean of the input rows of a text."""
    slots, pool, letters, rows = memo.slots, memo.pool, memo.letters, model.rows
    hidden[:] = np.float32(0)
    count: Int = 0
    queued: Int = 0
    i: Int = np.int64(start)
    while i < end:
        if _is_space(data[i]):
            i += 1
            continue
        first = i
        i, code = _word_end(data, i, end)
        length = i - first
        if queued > QUEUE:
            _add(hidden, rows, queue[:queued])
            queued = 0
        head = _record(slots, pool, letters, data, first, length, code)
        if head:
            begin = head + 1 + (length + 3) // 4
            new = pool[head] >> 8
            for k in range(new):
                queue[queued + k] = pool[begin + k]
            queued += new
            count += new
            continue
        if length == 4 and _starts_with(data, first, length, model.marks[:4]):
            break  # the end of a sentence written out ends the text for fastText
        if _starts_with(data, first, length, model.marks[4:]):
            continue  # a label is no word
        queued, new = _queue_word(model, _bracketed(data, first, length, scratch), code, queue, queued, hidden)
        count += new
        if length <= LONGEST_REMEMBERED:
            _remember(memo, data, first, length, code, queue[queued - new : queued])
    if model.end_of_sentence >= 0:
        queue[queued] = model.end_of_sentence
        queued += 1
        count += 1
    _add(hidden, rows, queue[:queued])
    if count:
        scale = np.float32(1.0 / count)
        for d in range(len(hidden)):
            hidden[d] *= scale


@kernel
def _log(value: np.float32) -> np.float32:
    return np.float32(np.log(np.float64(value) + 1e-5))


@kernel
def _best_two(model: Classifier, hidden: Floats, nodes: Int32s, scores: Floats) -> tuple[Int, float, float]:
    """Return the likeliest label, its probability and that of the second; nodes and scores are scratch space."""
    labels = (len(model.left) + 1) // 2
    label: Int = -1
    best = second = np.float32(-np.inf)
    nodes[0], scores[0] = len(model.left) - 1, np.float32(0)
    waiting = 1
    while waiting:
        waiting -= 1
        node, score = np.int64(nodes[waiting]), scores[waiting]
        if score <= second:
            continue
        if model.left[node] < 0:
            if score > best:
                label, best, second = node, score, best
            else:
                second = score
            continue
        product = np.float32(0)
        for k in range(model.output.shape[1]):
            product += model.output[node - labels, k] * hidden[k]
        right = np.float32(1.0 / np.float64(np.float32(1) + np.exp(-product)))
        left = np.float32(1.0 - np.float64(right))
        turn = 1 if left < right else 0
        # the likelier child lies on top, so that most of the tree is never looked at
        nodes[waiting + turn], scores[waiting + turn] = model.right[node], score + _log(right)
        nodes[waiting + 1 - turn], scores[waiting + 1 - turn] = model.left[node], score + _log(left)
        waiting += 2
    return label, np.float64(np.float32(np.exp(best))), np.float64(np.float32(np.exp(second)))


@kernel
def classify(data: Bytes, offsets: Int32s, model: Classifier, memo: Memo) -> tuple[Int32s, Doubles, Doubles]:
    """Return the likeliest label of every row, its probability and that of the second, each of shape `(rows,)`.

    Words stand between ASCII white space and NUL, as in fastText. Probabilities are the library's but for the last
    bits of the exponentials.
    """
    count = len(offsets) - 1
    longest = 0
    for row in range(count):
        longest = max(longest, np.int64(offsets[row + 1]) - offsets[row])
    scratch = np.empty(longest + 2, np.uint8)
    queue = np.empty(QUEUE + CHUNK * model.longest + 2, np.int32)
    hidden = np.empty(model.rows.shape[1], np.float32)
    nodes, scores = np.empty(len(model.left) + 1, np.int32), np.empty(len(model.left) + 1, np.float32)
    labels = np.empty(count, np.int32)
    best, second = np.empty(count, np.float64), np.empty(count, np.float64)
    for row in range(count):
        _hidden(model, memo, data, offsets[row], offsets[row + 1], scratch, queue, hidden)
        labels[row], best[row], second[row] = _best_two(model, hidden, nodes, scores)
    return labels, best, second
