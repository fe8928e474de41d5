"""Decides who is champion, upon evidence or a person's word, and remembers every change."""

from sentiment.promotion.ledger import champion_at, changes, record
from sentiment.promotion.promote import promote_best
from sentiment.promotion.rollback import roll_back

__all__ = ["champion_at", "changes", "promote_best", "record", "roll_back"]
