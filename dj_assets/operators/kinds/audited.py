"""Define the base class of filters by language models that a second model audits."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import Field

from dj_assets.models.text.pictures import Picture
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.language_model import LanguageModelOperator, Messages

R = TypeVar("R")


class AuditedFilter(LanguageModelOperator):
    """Let a second model of the same server judge a share of the samples; it decides about none.

    A sample is chosen by its prompt, so that each run chooses the same ones. The answers of the second model are kept
    like all others, and the report has the agreement of both models.
    """

    audit_model: str | None = None
    audit_share: float = Field(0.05, gt=0, le=1)

    @abstractmethod
    def judged(self, answer: str) -> bool:
        """Return whether an answer keeps its sample; raise `ValueError` for one that cannot be used."""

    def models(self) -> tuple[str, ...]:
        """Return the names of the models if they run in this process."""
        first = super().models()
        return (*first, self.audit_model) if first and self.audit_model else first

    def ask_chats(
        self,
        batch: Batch,
        chats: Sequence[Messages | None],
        read: Callable[[str], R],
        *,
        images: Sequence[Sequence[Picture]] | None = None,
        options: tuple[str, ...] = (),
    ) -> list[R | None]:
        """Ask for one answer to each chat, see the base class; then ask the second model about some of them."""
        found = super().ask_chats(batch, chats, read, images=images, options=options)
        if self.audit_model:
            chosen = [chat if chat is not None and self._is_audited(chat) else None for chat in chats]
            self.ask_model(self.audit_model, batch, chosen, read, images=images, options=options)
        return found

    def _is_audited(self, chat: Messages) -> bool:
        number = int.from_bytes(hashlib.sha256(repr(chat).encode("utf-8", "surrogatepass")).digest()[:6])
        return number < self.audit_share * 2**48
