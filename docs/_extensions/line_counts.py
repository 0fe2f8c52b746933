"""A Markdown table of the lengths of an adapter's files."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

from capability_table import row


def line_table(package: Path) -> str:
    """Return the table of a package's modules, with their lines and lines of code."""
    counted = {path.name: (len(lines_of(path)), len(code_lines(path))) for path in modules(package)}
    lines = [row(["file", "lines", "of code"]), row(["---", "---:", "---:"])]
    lines += [row([f"`{name}`", str(of), str(code)]) for name, (of, code) in counted.items()]
    every, code = (sum(column) for column in zip(*counted.values(), strict=True))
    lines.append(row(["total", str(every), str(code)]))
    return "\n".join(lines)


def modules(package: Path) -> list[Path]:
    """Return the modules of a package.

    Raises:
        FileNotFoundError: If there are none.
    """
    found = sorted(package.glob("*.py"))
    if not found:
        raise FileNotFoundError(f"{package} has no modules")
    return found


def lines_of(path: Path) -> list[str]:
    """Return all lines of a module."""
    return path.read_text(encoding="utf-8").splitlines()


def code_lines(path: Path) -> set[int]:
    """Return the numbers of the lines that are not blank, a comment, or a docstring."""
    text = path.read_text(encoding="utf-8")
    ignored = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    numbers = {
        number
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in ignored
        for number in range(token.start[0], token.end[0] + 1)
    }
    return numbers - docstring_lines(text)


def docstring_lines(text: str) -> set[int]:
    """Return the numbers of the lines that docstrings occupy."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    first = [
        node.body[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, kinds) and ast.get_docstring(node) is not None
    ]
    return {n for node in first for n in range(node.lineno, (node.end_lineno or 0) + 1)}
