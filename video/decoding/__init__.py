"""Decoders behind one narrow door, and what is known of a film before any frame is decoded."""
