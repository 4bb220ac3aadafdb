"""Coinpurse: the credit system for AI apps, on PostgreSQL."""

__version__ = "0.1.0"
