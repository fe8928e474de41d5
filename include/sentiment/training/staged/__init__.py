"""Recurrent networks divided over two processes."""
