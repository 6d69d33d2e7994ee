"""A voucher (凭证) on its way into the journal: a pure function of the steps that people took with it.

Until it is posted it is a draft (草稿) that may be edited; who wrote any of it can't approve it. What is posted is a journal
entry and never changes: a mistake is corrected by another voucher.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from ledger.books import Book
from ledger.journal import Posting, Side


class StepKind(StrEnum):
    """What a person does with a voucher."""

    DRAFTED = "drafted"
    EDITED = "edited"
    ATTACHED = "attached"
    DETACHED = "detached"
    SUBMITTED = "submitted"
    RETURNED = "returned"
    APPROVED = "approved"
    POSTED = "posted"
    DISCARDED = "discarded"

    @property
    def label(self) -> str:
        """What staff call it."""
        return _DEEDS[self]


_DEEDS = dict(zip(StepKind, ("制单", "修改", "添加附件", "移除附件", "提交", "退回", "审核", "记账", "作废"), strict=True))
WRITING = frozenset((StepKind.DRAFTED, StepKind.EDITED, StepKind.ATTACHED, StepKind.DETACHED, StepKind.SUBMITTED))
"""Who takes one of these steps has a hand in the voucher and can't approve it."""


class Stage(StrEnum):
    """Where a voucher is."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    RETURNED = "returned"
    APPROVED = "approved"
    POSTED = "posted"
    DISCARDED = "discarded"

    @property
    def label(self) -> str:
        """What staff call it."""
        return _STAGES[self]

    @property
    def is_open(self) -> bool:
        """Whether it still waits for somebody."""
        return self not in (Stage.POSTED, Stage.DISCARDED)

    @property
    def is_editable(self) -> bool:
        """Whether its content may change."""
        return self in (Stage.DRAFT, Stage.RETURNED)


_STAGES = dict(zip(Stage, ("草稿", "待审核", "已退回", "已审核", "已记账", "已作废"), strict=True))
_LEADS_TO = {
    StepKind.DRAFTED: Stage.DRAFT, StepKind.SUBMITTED: Stage.SUBMITTED, StepKind.RETURNED: Stage.RETURNED,
    StepKind.APPROVED: Stage.APPROVED, StepKind.POSTED: Stage.POSTED, StepKind.DISCARDED: Stage.DISCARDED,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a voucher says (会计基础工作规范): its day, word, summary, lines, and how many originals hang on it.

    Attributes:
        value_date: the day on which it takes effect.
        narration: its summary (摘要).
        postings: its lines; as long as it is a draft they need not balance. None, where it only takes another back.
        word: voucher word (凭证字).
        sheets: how many originals on paper belong to it (附单据张数).
        corrects: the reference of the entry that it corrects or takes back (红字冲销、订正).
    """

    value_date: date
    narration: str
    postings: tuple[Posting, ...] = ()
    word: str = "记"
    sheets: int = 0
    corrects: str | None = None

    @property
    def residue_fen(self) -> int:
        """Debits less credits."""
        return sum(p.fen if p.side is Side.DEBIT else -p.fen for p in self.postings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that hangs on a voucher; its content is found by what it hashes to."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that a person did with a voucher; `serial` names the voucher in its book."""

    book_id: int
    serial: str
    kind: StepKind
    actor: str
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Voucher:
    """A voucher and what stands of it; `reason` is why it was returned or discarded."""

    book: Book
    serial: str
    content: Content
    hands: frozenset[str]
    stage: Stage = Stage.DRAFT
    attachments: tuple[Attachment, ...] = ()
    maker: str = ""  # 制单: who wrote or submitted it last
    checker: str | None = None  # 审核
    poster: str | None = None  # 记账
    reason: str = ""
    entries: tuple[str, ...] = ()  # references of what it posted

    @property
    def event(self) -> str:
        """What links the entries that it posts."""
        return f"voucher/{self.serial}"


_CONTENT = TypeAdapter(Content)


def facts_of(content: Content) -> dict[str, Any]:
    """Return a content as JSON values."""
    facts: dict[str, Any] = _CONTENT.dump_python(content, mode="json", exclude_defaults=True)
    return facts


def content_from(facts: Mapping[str, Any]) -> Content:
    """Return the content that `facts_of` stored."""
    return _CONTENT.validate_python(facts)


def voucher_after(book: Book, steps: Iterable[Step]) -> Voucher:
    """Return what stands of a voucher after its steps, in their order; the first one drafts it."""
    first, *later = steps
    found = Voucher(
        book=book, serial=first.serial, content=content_from(first.body), hands=frozenset((first.actor,)), maker=first.actor
    )
    for step in later:
        found = _after(found, step)
    return found


def _after(voucher: Voucher, step: Step) -> Voucher:
    changes: dict[str, Any] = {}
    if step.kind in WRITING:
        changes |= {"maker": step.actor, "hands": voucher.hands | {step.actor}}
    if step.kind in _LEADS_TO:
        changes |= {"stage": _LEADS_TO[step.kind], "reason": step.body.get("reason", "")}
    match step.kind:
        case StepKind.EDITED:
            changes["content"] = content_from(step.body)
        case StepKind.ATTACHED:
            changes["attachments"] = (*voucher.attachments, Attachment(**step.body))
        case StepKind.DETACHED:
            changes["attachments"] = tuple(one for one in voucher.attachments if one.sha256 != step.body["sha256"])
        case StepKind.RETURNED:
            changes["checker"] = None
        case StepKind.APPROVED:
            changes["checker"] = step.actor
        case StepKind.POSTED:
            changes |= {"poster": step.actor, "entries": tuple(step.body["entries"])}
        case _:
            pass
    return replace(voucher, **changes)
