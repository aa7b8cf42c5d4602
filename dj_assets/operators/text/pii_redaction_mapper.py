"""Replace personal data and secrets in texts: paths, addresses, numbers, keys."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import field_validator

from dj_assets.operators.base import CountingMapper, Statistic, StatisticsByParameters
from dj_assets.operators.batch import Batch
from dj_assets.operators.registry import register
from dj_assets.operators.views.sample_fields import records

# Replaces matches in a text; returns the text and the number of matches.
Edit = Callable[[str], tuple[str, int]]
Counts = Counter[str]

_BEFORE_PATH = r"(^|[\s\"'(\[=])"
_REST_OF_PATH = r"[^\s\"')\]]"
_PATHS = (
    re.compile(rf"{_BEFORE_PATH}/(?:Users?|home|tmp|etc|var|opt|Applications){_REST_OF_PATH}*"),
    re.compile(rf"{_BEFORE_PATH}[A-Za-z]:\\{_REST_OF_PATH}*"),
    re.compile(rf"{_BEFORE_PATH}\\\\{_REST_OF_PATH}+"),
)
_LOCAL_PART = re.compile(r"[a-zA-Z0-9][\w.+-]*")
_DOMAIN = re.compile(r"@[\w.-]+\.(?:[a-zA-Z]{2,}|\w{2,})")
_SECRET = re.compile(
    r"(\b(?:api[_-]?key|apikey|secret|password|passwd|token|auth|authorization|credential|license[_-]?key)"
    r"\s*[:=]\s*[\"']?)([^\s\"',}\]]+)",
    re.IGNORECASE,
)
_ID = re.compile(r"\b(session[_-]?id|user[_-]?id|request[_-]?id|trace[_-]?id)\s*[:=]\s*[\"']?[\w.-]+", re.IGNORECASE)
_CHANNEL = re.compile(
    r"(\bchannel\s*[:=]\s*[\"']?|当前的\s*channel\s*[:：]\s*)"
    r"(feishu|dingtalk|wecom|wechat_work|email|mail|飞书|钉钉|企业微信|邮箱)\b",
    re.IGNORECASE,
)
_OPEN_IDS = (
    re.compile(r"\bou_[0-9a-f]{32}\b", re.IGNORECASE),
    re.compile(r"\b(?:ou_|u_|uid_)[0-9a-zA-Z_-]{16,64}\b"),
)
_PHONES = (re.compile(r"\b1[3-9]\d{9}\b"), re.compile(r"\+\d{1,4}[-.\s]?\d{6,14}\b"))
_ID_CARD = re.compile(r"\b[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]\b")
_JWT = re.compile(r"\beyJ[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]+\b")
_JWT_RUN = re.compile(r"[A-Za-z0-9_=-]+")
_URL = re.compile(r"https?://[^\s\"'<>]+")
_BYTE = r"(?:25[0-5]|2[0-4]\d|[01]?\d\d?)"
_IPS = (
    re.compile(rf"(?<![0-9.])(?:{_BYTE}\.){{3}}{_BYTE}(?![0-9])"),
    re.compile(r"\[[0-9a-fA-F:.]{3,}\](?::\d{1,5})?\b"),
)
_MAC = re.compile(r"(?<![0-9A-Fa-f:])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b")
_PEM_LINE = re.compile(r"-----(BEGIN|END) [A-Z0-9 -]+?-----")
_MARK = "\ufdd1"
# The keys of objects whose texts are edited at any depth, and the fields that list media.
_NESTED_KEYS = frozenset({"arguments", "file", "file_path", "file_paths", "path"})
_MEDIA = frozenset({"audios", "image_bytes", "images", "videos"})
_REDACTED = ("query", "response", "dialog_history", "messages")


# The kinds, each with the parameters that switch it on and that replace it, in their order.
_KINDS = {
    "pem": ("mask_pem", "pem_replacement"),
    "jwt": ("mask_jwt", "jwt_replacement"),
    "urls": ("mask_urls", "url_replacement"),
    "ips": ("mask_ips", "ip_replacement"),
    "macs": ("mask_macs", "mac_replacement"),
    "paths": ("mask_paths", "path_replacement"),
    "emails": ("mask_emails", "email_replacement"),
    "secrets": ("mask_secrets", "secret_replacement"),
    "ids": ("mask_ids", "id_replacement"),
    "channel_ids": ("mask_channel_ids", "channel_id_replacement"),
    "open_ids": ("mask_platform_open_ids", "channel_id_replacement"),
    "phones": ("mask_phones", "phone_replacement"),
    "id_cards": ("mask_id_cards", "id_card_replacement"),
}
EXTRA = "extra_patterns"
PREFIX = "pii_"


@register("pii_redaction_mapper")
class PiiRedactionMapper(CountingMapper):
    """Replace personal data and secrets in the text and in other fields by `…_replacement`, one kind at a time.

    Kinds in their order: blocks of PEM, JWT, URLs (off by default), IP and MAC addresses, paths of Unix and Windows,
    e-mail addresses, values of keys such as `password:`, ids such as `session_id=`, channels and open ids of Chinese
    platforms, phone numbers, Chinese identity cards, and the pairs of pattern and replacement in `extra_patterns`.

    The statistics are the numbers of replaced matches of each kind that is switched on, in all texts of a sample; the
    report adds them up.

    `redact_keys` names the fields whose texts are edited, by default the text and those of dialogs. In the field
    `messages_key`, these are the contents of messages. In every field, texts in lists and texts under `path`, `file`,
    `file_path`, `file_paths` and `arguments` are edited, too, at any depth. The fields `images`, `videos`, `audios` and
    `image_bytes` stay.
    """

    version: ClassVar[int] = 2
    statistics = StatisticsByParameters(lambda operator: operator.counted())

    mask_paths: bool = True
    mask_emails: bool = True
    mask_secrets: bool = True
    mask_ids: bool = True
    mask_phones: bool = True
    mask_id_cards: bool = True
    mask_channel_ids: bool = True
    mask_platform_open_ids: bool = True
    mask_pem: bool = True
    mask_jwt: bool = True
    mask_urls: bool = False
    mask_ips: bool = True
    mask_macs: bool = True
    path_replacement: str = "[PATH_REDACTED]"
    email_replacement: str = "[EMAIL_REDACTED]"
    secret_replacement: str = "[REDACTED]"  # noqa: S105 - a replacement for secrets
    id_replacement: str = "[ID_REDACTED]"
    phone_replacement: str = "[PHONE_REDACTED]"
    id_card_replacement: str = "[ID_CARD_REDACTED]"
    channel_id_replacement: str = "[CHANNEL_ID_REDACTED]"
    pem_replacement: str = "[PEM_REDACTED]"
    jwt_replacement: str = "[JWT_REDACTED]"
    url_replacement: str = "[URL_REDACTED]"
    ip_replacement: str = "[IP_REDACTED]"
    mac_replacement: str = "[MAC_REDACTED]"
    extra_patterns: tuple[tuple[str, str], ...] | None = None
    redact_keys: tuple[str, ...] | None = None
    messages_key: str | None = "messages"

    @field_validator("extra_patterns")
    @classmethod
    def _compile(cls, pairs: tuple[tuple[str, str], ...] | None) -> tuple[tuple[str, str], ...] | None:
        for pattern, _ in pairs or ():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
        return pairs

    def counted(self) -> tuple[Statistic, ...]:
        """Return one statistic for each kind that is switched on."""
        kinds = [kind for kind, (switch, _) in _KINDS.items() if getattr(self, switch)]
        kinds += [EXTRA] if self.extra_patterns else []
        return tuple(Statistic(f"{PREFIX}{kind}", pa.int64(), "matches") for kind in kinds)

    def apply(self, batch: Batch) -> Batch:
        """Return the batch with its texts redacted; unchanged if `redact_keys` does not name the text."""
        if self.text_name not in self._keys:
            return batch
        return batch.with_text(pa.array([text for text, _ in self._texts(batch)], pa.string()))

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the number of matches of every kind in the texts and fields of each sample."""
        counts = [Counter(own) for _, own in self._texts(batch)] if self.text_name in self._keys else []
        counts = counts or [Counter() for _ in range(len(batch))]
        for own, record in zip(counts, records(batch), strict=True):
            for name, value in record.items():
                self._edited(name, value, own)
        return {s.key: pa.array([own[s.key.removeprefix(PREFIX)] for own in counts], s.type) for s in self.statistics}

    def _texts(self, batch: Batch) -> list[tuple[str, Counts]]:
        """Return every text redacted, with its counts; `measure` and `apply` share them."""
        return batch.derive(("redacted", self), lambda: [self._redacted(text) for text in batch.text.to_pylist()])

    def edit(self, name: str, value: object) -> object:
        """Return the value of a field with its texts redacted."""
        return self._edited(name, value, Counter())

    def _edited(self, name: str, value: object, counts: Counts) -> object:
        if name in _MEDIA:
            return value
        if name in self._keys and isinstance(value, str):
            return self.redacted(value, counts)
        if name in self._keys and name == self.messages_key and isinstance(value, list):
            value = [self._message(message, counts) if isinstance(message, dict) else message for message in value]
        return self._nested(value, name, counts)

    def redacted(self, text: str, counts: Counts | None = None) -> str:
        """Return a text without personal data and secrets; the matches are added to `counts`."""
        for kind, edit in _edits(self):
            text, matches = edit(text)
            if matches and counts is not None:
                counts[kind] += matches
        return text

    def _redacted(self, text: str) -> tuple[str, Counts]:
        counts: Counts = Counter()
        return self.redacted(text, counts), counts

    @property
    def _keys(self) -> frozenset[str]:
        return frozenset((self.text_name, *_REDACTED) if self.redact_keys is None else self.redact_keys)

    def edits(self) -> Iterator[tuple[str, Edit]]:
        """Yield the edits that are switched on with their kinds, in their order."""
        for kind, (switch, replacement) in _KINDS.items():
            if getattr(self, switch):
                yield from ((kind, edit) for edit in _edits_of(kind, getattr(self, replacement)))
        for pattern, template in self.extra_patterns or ():
            yield EXTRA, _template(re.compile(pattern), template)

    def _nested(self, value: object, key: str | None, counts: Counts) -> object:
        """Return a value with the texts in lists redacted, and those under the keys of paths and arguments."""
        if isinstance(value, str):
            return self.redacted(value, counts) if key in _NESTED_KEYS else value
        if isinstance(value, dict):
            return {name: self._nested(inner, name, counts) for name, inner in value.items()}
        if isinstance(value, list):
            return [
                self.redacted(inner, counts) if isinstance(inner, str) else self._nested(inner, None, counts)
                for inner in value
            ]
        return value

    def _message(self, message: dict[str, Any], counts: Counts) -> dict[str, Any]:
        """Return a message with its content redacted; arguments of calls are redacted as nested values."""
        content = message.get("content")
        if isinstance(content, str):
            return {**message, "content": self.redacted(content, counts)}
        if isinstance(content, list):
            return {
                **message,
                "content": [self._block(block, counts) if isinstance(block, dict) else block for block in content],
            }
        return message

    def _block(self, block: dict[str, Any], counts: Counts) -> dict[str, Any]:
        texts = {
            key: self.redacted(block[key], counts) for key in ("text", "content") if isinstance(block.get(key), str)
        }
        return {**block, **texts}


def _edits_of(kind: str, replacement: str) -> Iterator[Edit]:
    """Yield the edits of a kind."""
    searching = {"pem": without_pem, "jwt": without_jwt, "emails": without_emails}
    whole = {
        "urls": (_URL,),
        "ips": _IPS,
        "macs": (_MAC,),
        "open_ids": _OPEN_IDS,
        "phones": _PHONES,
        "id_cards": (_ID_CARD,),
    }
    behind = {"paths": _PATHS, "secrets": (_SECRET,), "ids": (_ID,), "channel_ids": (_CHANNEL,)}
    if kind in searching:
        yield _counted(searching[kind], replacement)
    yield from (_whole(pattern, replacement) for pattern in whole.get(kind, ()))
    yield from (_behind_first_group(pattern, replacement) for pattern in behind.get(kind, ()))


@cache
def _edits(operator: PiiRedactionMapper) -> tuple[tuple[str, Edit], ...]:
    # not an attribute of the operator, which travels to other processes
    return tuple(operator.edits())


def without_jwt(text: str, replacement: str) -> str:
    """Return a text with JSON web tokens replaced. A run of their characters is searched once, however long it is."""
    parts, at, start = [], 0, text.find("eyJ")
    while start >= 0:
        token = _JWT.match(text, start)
        run = _JWT_RUN.match(text, start)
        if token:
            parts += [text[at:start], replacement]
            at = token.end()
        # a later start in the same run fails, too; without a boundary before it, the next one may not
        bounded = start == 0 or not (text[start - 1].isalnum() or text[start - 1] == "_")
        behind = token.end() if token else run.end() if run and bounded else start + 1
        start = text.find("eyJ", behind)
    return "".join([*parts, text[at:]])


def without_emails(text: str, replacement: str) -> str:
    """Return a text with e-mail addresses replaced. A run of their characters is searched once, however long it is."""
    if "@" not in text:
        return text
    parts, at = [], 0
    local = _LOCAL_PART.search(text)
    while local:
        domain = _DOMAIN.match(text, local.end())
        if domain:
            parts += [text[at : local.start()], replacement]
            at = domain.end()
        local = _LOCAL_PART.search(text, domain.end() if domain else local.end())
    return "".join([*parts, text[at:]])


def without_pem(text: str, replacement: str) -> str:
    """Return a text with the blocks from a line `-----BEGIN …-----` to the next line `-----END …-----` replaced."""
    if "-----BEGIN " not in text:
        return text
    parts, at, begun = [], 0, None
    for line in _PEM_LINE.finditer(text):
        if line[1] == "BEGIN":
            begun = line.start() if begun is None else begun
        elif begun is not None:
            parts += [text[at:begun], replacement]
            at, begun = line.end(), None
    return "".join([*parts, text[at:]])


def _counted(function: Callable[[str, str], str], replacement: str) -> Edit:
    def edit(text: str) -> tuple[str, int]:
        edited = function(text, replacement)
        # the function does not count; a character that the text does not have does
        return edited, function(text, _MARK).count(_MARK) - text.count(_MARK) if edited != text else 0

    return edit


def _whole(pattern: re.Pattern[str], replacement: str) -> Edit:
    return lambda text: pattern.subn(lambda _: replacement, text)


def _behind_first_group(pattern: re.Pattern[str], replacement: str) -> Edit:
    return lambda text: pattern.subn(lambda match: match[1] + replacement, text)


def _template(pattern: re.Pattern[str], template: str) -> Edit:
    return lambda text: pattern.subn(template, text)
