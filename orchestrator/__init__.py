"""The control side: plans, sends and supervises jobs. It never imports an ML library."""
