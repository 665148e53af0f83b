"""Blocks of the pages of this repository that are made from results: between two comments, replaced as wholes."""


def with_block(text: str, marks: tuple[str, str], lines: str) -> str:
    """Return a page's text with what stands between two marks replaced."""
    begin, end = marks
    before, rest = text.split(begin)
    return f"{before}{begin}\n{lines}\n{end}{rest.split(end)[1]}"
