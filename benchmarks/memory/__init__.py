"""How much memory a worker and a decoder hold."""
