"""Pictures: episodes as video or strip, ways and values in a maze."""
