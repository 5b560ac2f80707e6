"""Puts the review Space and the sync Space on the Hub, and what runs there on a schedule."""
