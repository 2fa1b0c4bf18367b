"""Files: written whole or not at all, and their errors in words."""


def in_words(error: OSError) -> str:
    """Returns an error of the system in one line, with the file that it is about."""
    if error.strerror is None:
        return str(error)
    return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
