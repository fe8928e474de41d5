"""Decides who is champion, upon evidence or a person's word, and remembers every change."""
