"""What everything else stands on: errors, settings, the review and its labels, and what a verb is."""
