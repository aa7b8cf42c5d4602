"""Replace personal data and secrets in texts: paths, addresses, numbers, keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pyarrow as pa
from pydantic import field_validator

from dj_assets.operators.base import RecordMapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.registry import register

Edit = Callable[[str], str]

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
# The keys of objects whose texts are edited at any depth, and the fields that list media.
_NESTED_KEYS = frozenset({"arguments", "file", "file_path", "file_paths", "path"})
_MEDIA = frozenset({"audios", "image_bytes", "images", "videos"})
_REDACTED = ("query", "response", "dialog_history", "messages")


@register("pii_redaction_mapper")
class PiiRedactionMapper(RecordMapper):
    """Replace personal data and secrets in the text and in other fields by `…_replacement`, one kind at a time.

    Kinds in their order: blocks of PEM, JWT, URLs (off by default), IP and MAC addresses, paths of Unix and Windows,
    e-mail addresses, values of keys such as `password:`, ids such as `session_id=`, channels and open ids of Chinese
    platforms, phone numbers, Chinese identity cards, and the pairs of pattern and replacement in `extra_patterns`.

    `redact_keys` names the fields whose texts are edited, by default the text and those of dialogs. In the field
    `messages_key`, these are the contents of messages. In every field, texts in lists and texts under `path`, `file`,
    `file_path`, `file_paths` and `arguments` are edited, too, at any depth. The fields `images`, `videos`, `audios` and
    `image_bytes` stay.
    """

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

    def apply(self, batch: Batch) -> Batch:
        """Return the batch with its texts redacted; unchanged if `redact_keys` does not name the text."""
        if self.text_name not in self._keys:
            return batch
        return batch.with_text(pa.array([self.redacted(text) for text in batch.text.to_pylist()], pa.string()))

    def edit(self, name: str, value: object) -> object:
        """Return the value of a field with its texts redacted."""
        if name in _MEDIA:
            return value
        if name in self._keys and isinstance(value, str):
            return self.redacted(value)
        if name in self._keys and name == self.messages_key and isinstance(value, list):
            value = [self._message(message) if isinstance(message, dict) else message for message in value]
        return self._nested(value, name)

    def redacted(self, text: str) -> str:
        """Return a text without personal data and secrets."""
        for edit in _edits(self):
            text = edit(text)
        return text

    @property
    def _keys(self) -> frozenset[str]:
        return frozenset((self.text_name, *_REDACTED) if self.redact_keys is None else self.redact_keys)

    def edits(self) -> Iterator[Edit]:
        """Yield the edits that are switched on, in their order."""
        if self.mask_pem:
            yield lambda text: without_pem(text, self.pem_replacement)
        if self.mask_jwt:
            yield lambda text: without_jwt(text, self.jwt_replacement)
        kinds = (
            (self.mask_urls, (_URL,), self.url_replacement),
            (self.mask_ips, _IPS, self.ip_replacement),
            (self.mask_macs, (_MAC,), self.mac_replacement),
        )
        yield from (_whole(pattern, put) for on, patterns, put in kinds if on for pattern in patterns)
        if self.mask_paths:
            yield from (_behind_first_group(pattern, self.path_replacement) for pattern in _PATHS)
        if self.mask_emails:
            yield lambda text: without_emails(text, self.email_replacement)
        keyed = (
            (self.mask_secrets, _SECRET, self.secret_replacement),
            (self.mask_ids, _ID, self.id_replacement),
            (self.mask_channel_ids, _CHANNEL, self.channel_id_replacement),
        )
        yield from (_behind_first_group(pattern, put) for on, pattern, put in keyed if on)
        numbers = (
            (self.mask_platform_open_ids, _OPEN_IDS, self.channel_id_replacement),
            (self.mask_phones, _PHONES, self.phone_replacement),
            (self.mask_id_cards, (_ID_CARD,), self.id_card_replacement),
        )
        yield from (_whole(pattern, put) for on, patterns, put in numbers if on for pattern in patterns)
        for pattern, template in self.extra_patterns or ():
            yield _template(re.compile(pattern), template)

    def _nested(self, value: object, key: str | None = None) -> object:
        """Return a value with the texts in lists redacted, and those under the keys of paths and arguments."""
        if isinstance(value, str):
            return self.redacted(value) if key in _NESTED_KEYS else value
        if isinstance(value, dict):
            return {name: self._nested(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.redacted(inner) if isinstance(inner, str) else self._nested(inner) for inner in value]
        return value

    def _message(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return a message with its content redacted; arguments of calls are redacted as nested values."""
        content = message.get("content")
        if isinstance(content, str):
            return {**message, "content": self.redacted(content)}
        if isinstance(content, list):
            return {
                **message,
                "content": [self._block(block) if isinstance(block, dict) else block for block in content],
            }
        return message

    def _block(self, block: dict[str, Any]) -> dict[str, Any]:
        texts = {key: self.redacted(block[key]) for key in ("text", "content") if isinstance(block.get(key), str)}
        return {**block, **texts}


@cache
def _edits(operator: PiiRedactionMapper) -> tuple[Edit, ...]:
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


def _whole(pattern: re.Pattern[str], replacement: str) -> Edit:
    return lambda text: pattern.sub(lambda _: replacement, text)


def _behind_first_group(pattern: re.Pattern[str], replacement: str) -> Edit:
    return lambda text: pattern.sub(lambda match: match[1] + replacement, text)


def _template(pattern: re.Pattern[str], template: str) -> Edit:
    return lambda text: pattern.sub(template, text)
