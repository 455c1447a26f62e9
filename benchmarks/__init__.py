"""The figures that README and docs quote, each from one command."""
