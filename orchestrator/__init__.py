"""The control side: plans, sends, supervises. It imports no ML library, ever."""
