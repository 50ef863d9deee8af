"""Images to vectors to statistics."""
