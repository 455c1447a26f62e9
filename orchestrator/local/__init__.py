"""The parts that one machine needs to run everything itself."""
