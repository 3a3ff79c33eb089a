"""The model as files: the template tree is the output tree.

`[exchange]` and `[group]` in a template's path stand for their names. A template sets pieces in order and decides
nothing; the pieces come from `views`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import jinja2

from .model import Exchange
from .stream_views import StreamsView, WebhooksView
from .views import AuthView, ClientView, GroupView, PackageView

CONTEXT_VERSION = 1
"""Of the names that templates may use; a change that breaks templates of users raises it."""


class WrongTemplate(Exception):
    """A template of somebody's own that cannot be rendered."""


@functools.cache
def environment(templates: Path | None = None) -> jinja2.Environment:
    """Jinja over the built-in templates; those in the folder `templates`, if given, come first."""
    folders = [*([templates] if templates else []), Path(__file__).parent / "templates"]
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        autoescape=False,  # noqa: S701 - this prints Python; every string of a spec goes through `python.quote`
    )


def render(exchanges: Iterable[Exchange], templates: Path | None = None) -> dict[str, str]:
    """The text of every file, by its path below the package: `acme/orders.py`. Raises `WrongTemplate`."""
    jinja = environment(templates.resolve() if templates else None)
    names = sorted(jinja.list_templates(extensions=["jinja"]))
    files: dict[str, str] = {}
    for exchange in exchanges:
        for name in names:
            for path, context in _outputs(name, exchange):
                files[path] = _text(jinja, name, context)
    return files


def _text(jinja: jinja2.Environment, name: str, context: dict[str, Any]) -> str:
    try:
        text = jinja.get_template(name).render(context, context_version=CONTEXT_VERSION)
    except jinja2.TemplateSyntaxError as error:
        raise WrongTemplate(f"{error.filename or name}:{error.lineno}: {error.message}") from error
    except jinja2.TemplateError as error:
        raise WrongTemplate(f"template {name}: {error.message}") from error
    except SyntaxError as error:
        # What a module imports is found by parsing it.
        raise WrongTemplate(f"template {name} prints what is no Python: {error.msg}") from error
    return text.strip("\n") + "\n" if text.strip() else ""


def _outputs(template: str, exchange: Exchange) -> list[tuple[str, dict[str, Any]]]:
    if not template.startswith("[exchange]/"):
        raise WrongTemplate(f"template {template} lies outside of [exchange]/, where nothing is written")
    path = template.removesuffix(".jinja").replace("[exchange]", exchange.name)
    context: dict[str, Any] = {
        "exchange": exchange,
        "package": PackageView(exchange),
        "client": ClientView(exchange),
    }
    if path.endswith("/auth.py"):
        return [(path, context | {"auth": AuthView(exchange, exchange.auth)})] if exchange.auth else []
    if path.endswith(("/streams.py", "/webhooks.py")):
        return [(path, context | {"module": module}) for module in _told(exchange, path)]
    if "[group]" not in path:
        return [(path, context)]
    modules = [GroupView(exchange, group) for group in exchange.groups if group.kind == "endpoints"]
    if exchange.types:
        modules.append(GroupView(exchange, None))
    return [(path.replace("[group]", module.name), context | {"module": module}) for module in modules]


def _told(exchange: Exchange, path: str) -> Iterator[GroupView]:
    """The module of what an exchange tells by itself, if it has one of this name."""
    for group in exchange.groups:
        if not path.endswith(f"/{group.name}.py"):
            continue
        if group.kind == "streams":
            yield StreamsView(exchange, group)
        elif group.verify is not None:
            yield WebhooksView(exchange, group, verify=group.verify)
