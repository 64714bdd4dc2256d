"""What a template may say: values, `if`, `for`, a few filters. Jinja2 in its sandbox, without what could run away.

A template is the team's own, but it is read while production burns: it must not be able to read other files, to fill
the memory or to take long. So nothing multiplies: no calls but `range` (of 100 at most), no loop within another, no
assignments, macros or includes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.sandbox import SandboxedEnvironment

LONGEST_TEMPLATE = 64 * 1024
"""In bytes."""
LONGEST_TEXT = 4000
"""In characters: of a message, title and all."""
LONGEST_TITLE = 200
LONGEST_RANGE = 100
FILTERS = (
    *("capitalize", "default", "first", "int", "last", "length", "lower", "round", "title", "trim", "truncate"),
    "upper",
)
_ALLOWED = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.For, nodes.CondExpr),
    *(nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Add, nodes.Sub, nodes.Concat, nodes.Neg),
    *(nodes.Filter, nodes.Test, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.List, nodes.Tuple, nodes.Call),
    nodes.Keyword,
)


class _Environment(SandboxedEnvironment):
    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False)
        self.filters = {name: self.filters[name] for name in FILTERS}
        self.globals = {"range": _range}


def _range(*ends: int) -> range:
    asked = range(*ends)
    if len(asked) > LONGEST_RANGE:
        raise TemplateError(f"a range of at most {LONGEST_RANGE} is allowed, not {len(asked)}")
    return asked


_environment = _Environment()


def compiled(source: str) -> tuple[Template, dict[str, int]]:
    """The template, and the names it asks for with the line of each. Raises TemplateSyntaxError with a line."""
    tree = _environment.parse(source)
    _check(tree)
    return _environment.from_string(source), dict(_names(tree, frozenset(_environment.globals)))


def rendered(template: Template, facts: Mapping[str, Any]) -> str:
    """The text, cut at LONGEST_TEXT. Raises TemplateError, or whatever its expressions raise."""
    text = ""
    for piece in template.generate(facts):
        text += piece
        if len(text) > LONGEST_TEXT:
            return text[: LONGEST_TEXT - 3] + "..."
    return text


def _check(node: nodes.Node, looped: bool = False) -> None:
    if not isinstance(node, _ALLOWED):
        _refuse(f"`{type(node).__name__.lower()}` is more than a message's template may do", node)
    if isinstance(node, nodes.Call) and not (isinstance(node.node, nodes.Name) and node.node.name == "range"):
        _refuse("the only call that a template may make is range(...)", node)
    if isinstance(node, nodes.For) and (looped or node.recursive):
        _refuse("a loop within another is more than a message's template may do", node)
    for child in node.iter_child_nodes():
        _check(child, looped or isinstance(node, nodes.For))


def _refuse(said: str, node: nodes.Node) -> NoReturn:
    raise TemplateSyntaxError(said, node.lineno)


def _names(tree: nodes.Node, known: frozenset[str]) -> Iterator[tuple[str, int]]:
    """Names that are asked for from outside, each with its first line; a loop's own are known within it."""
    if isinstance(tree, nodes.For):
        yield from _names(tree.iter, known)
        known = known | {"loop"} | {one.name for one in tree.find_all(nodes.Name) if one.ctx == "store"}
    if isinstance(tree, nodes.Name) and tree.ctx == "load" and tree.name not in known:
        yield tree.name, tree.lineno
    for child in tree.iter_child_nodes():
        yield from _names(child, known)
