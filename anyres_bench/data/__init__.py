"""Images as data: records, datasets, views, pixels and the procedural world."""
