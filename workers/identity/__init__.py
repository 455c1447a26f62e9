"""Identities that stay over runs, packs and changed photos."""
