"""Identities that stay: answers, cluster ids and names over runs, packs and changed photos."""
