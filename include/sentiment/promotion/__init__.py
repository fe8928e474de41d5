"""Decides who is champion, upon evidence or a person's word, and remembers every change."""

from sentiment.promotion.ledger import champion_at, changes, observe, record
from sentiment.promotion.promote import promote_best
from sentiment.promotion.rollback import roll_back
from sentiment.promotion.standing import champion_of

__all__ = ["champion_at", "champion_of", "changes", "observe", "promote_best", "record", "roll_back"]
