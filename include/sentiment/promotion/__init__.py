"""Decides who is champion, upon evidence, and remembers every change."""

from sentiment.promotion.ledger import champion_at, changes, record
from sentiment.promotion.promote import promote_best

__all__ = ["champion_at", "changes", "promote_best", "record"]
