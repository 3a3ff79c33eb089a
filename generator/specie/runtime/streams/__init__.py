"""Streams: connections that tell what happens, as it happens, and books and lists that are kept whole from them."""
