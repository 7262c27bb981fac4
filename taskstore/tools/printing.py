"""Text of others on a terminal."""


def on_one_line(text: str) -> str:
    r"""The text on one line: what moves the cursor, ends a line or is not seen is shown as an escape such as `\n`."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
