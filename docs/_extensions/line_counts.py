"""How long the files of an adapter are."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

from capability_table import row


def line_table(package: Path) -> str:
    """Every module of a package with its lines, and with those of them that are code."""
    counted = {path.name: (len(lines_of(path)), len(code_lines(path))) for path in modules(package)}
    lines = [row(["file", "lines", "of code"]), row(["---", "---:", "---:"])]
    lines += [row([f"`{name}`", str(of), str(code)]) for name, (of, code) in counted.items()]
    every, code = (sum(column) for column in zip(*counted.values(), strict=True))
    lines.append(row(["together", str(every), str(code)]))
    return "\n".join(lines)


def modules(package: Path) -> list[Path]:
    """The modules of a package.

    Raises:
        FileNotFoundError: There are none.
    """
    found = sorted(package.glob("*.py"))
    if not found:
        raise FileNotFoundError(f"{package} has no modules")
    return found


def lines_of(path: Path) -> list[str]:
    """All lines of a module."""
    return path.read_text(encoding="utf-8").splitlines()


def code_lines(path: Path) -> set[int]:
    """The numbers of the lines that are neither blank, nor comment, nor docstring."""
    text = path.read_text(encoding="utf-8")
    silent = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    told = {
        number
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in silent
        for number in range(token.start[0], token.end[0] + 1)
    }
    return told - docstring_lines(text)


def docstring_lines(text: str) -> set[int]:
    """The numbers of the lines that docstrings take."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    first = [
        node.body[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, kinds) and ast.get_docstring(node) is not None
    ]
    return {n for node in first for n in range(node.lineno, (node.end_lineno or 0) + 1)}
