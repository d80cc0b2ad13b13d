"""What only a real browser can say. Not part of the test command: see ``__main__``."""
