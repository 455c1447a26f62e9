"""Recognisers: from an aligned crop to an embedding."""
