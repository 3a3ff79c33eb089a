"""The `specie` command: one small function for each verb.

What a verb needs is imported when it runs, so that `specie --help` needs nothing and `specie sandbox` no templates.
"""

from __future__ import annotations

import argparse
import keyword
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from .listing import counted, listing


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0 done, 1 something is wrong, 2 the command itself is."""
    options = _parser().parse_args(arguments)
    try:
        from specie.compiler import NoSpecs, SpecError
        from specie.compiler.write import ForeignFile

        wrong: list[type[Exception]] = [SpecError, NoSpecs, ForeignFile]
        if options.verb == "generate":
            from specie.compiler.render import WrongTemplate

            wrong.append(WrongTemplate)
    except ModuleNotFoundError as error:
        print(f"specie {options.verb} needs {error.name}: pip install 'specie[generate]'", file=sys.stderr)
        return 1
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except tuple(wrong) as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader, `head` say, has what it wanted; nor shall Python complain when it closes the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"specie {options.verb}: {error}", file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="specie", description="Typed SDKs for crypto exchanges, generated from YAML specs."
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, summary: str, exchanges: str) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=summary, description=summary)
        made.add_argument("exchanges", nargs="*", metavar="EXCHANGE", help=exchanges)
        made.add_argument("--specs", type=Path, metavar="DIR", help="where the specs are (default: specs/)")
        return made

    generate = verb("generate", "Print the clients from the specs.", "which to generate (default: all)")
    generate.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file would change")
    generate.add_argument(
        "--out", type=Path, default=Path("generated"), metavar="DIR", help="import root (default: generated/)"
    )
    generate.add_argument("--package", default="specie", metavar="NAME", help="package below it (default: specie)")
    generate.add_argument("--templates", type=Path, metavar="DIR", help="templates that come before the built-in ones")
    generate.set_defaults(run=_generate)

    lint = verb(
        "lint", "Say what is wrong with the specs, and what could be better.", "which to look at (default: all)"
    )
    lint.set_defaults(run=_lint)

    show = verb("list", "Show every operation.", "which to list (default: all)")
    show.add_argument("--json", action="store_true", help="as JSON, for programs")
    show.set_defaults(run=_list)

    sandbox = verb("sandbox", "Serve exchanges on this machine, from their specs.", "which to serve (default: all)")
    sandbox.add_argument("--port", type=int, default=0, help="port to listen on (default: any that is free)")
    sandbox.add_argument("--seed", type=int, metavar="N", help="the same markets each time, moved on by requests alone")
    sandbox.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="SPEC",
        help="what goes wrong, such as 'status:502 x3 on orders.create'; again for another one; 'list' shows all",
    )
    sandbox.add_argument("--examples", action="store_true", help="answer with the documented examples, and no market")
    sandbox.add_argument("--no-limits", action="store_true", help="refuse nobody for asking too often")
    sandbox.set_defaults(run=_sandbox)

    record = verbs.add_parser(
        "record",
        help="Record cassettes of an exchange.",
        description="Record what the generated client sends and is answered. From the sandbox, unless --live.",
    )
    record.add_argument("exchange", metavar="EXCHANGE", help="which exchange")
    record.add_argument(
        "operations",
        nargs="*",
        metavar="OPERATION",
        help="orders.create, orders, streams, trading_day, session (default: all)",
    )
    source = record.add_mutually_exclusive_group()
    source.add_argument("--sandbox", action="store_true", help="from the sandbox on this machine (the default)")
    source.add_argument(
        "--live", action="store_true", help="from the exchange itself, with keys from the environment; reads alone"
    )
    record.add_argument(
        "--allow-trading", action="store_true", help="with --live: also what changes the account, if it is named"
    )
    record.add_argument("--scrub-balances", action="store_true", help="with --live: write 0 for what the account holds")
    record.add_argument(
        "--base-url",
        action="append",
        default=[],
        metavar="[SERVER=]URL",
        help="with --live: call this in place of the exchange; what comes of it is not labelled live",
    )
    record.add_argument(
        "--with",
        dest="given",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an argument in place of the spec's example",
    )
    record.add_argument("--out", type=Path, metavar="DIR", help="where cassettes go (default: cassettes/)")
    record.add_argument("--package", default="specie", metavar="NAME", help="package of the clients (default: specie)")
    record.add_argument("--specs", type=Path, metavar="DIR", help="where the specs are (default: specs/)")
    record.set_defaults(run=_record)

    cassettes = verb("cassettes", "Show every cassette, where it came from and when.", "whose (default: all)")
    cassettes.add_argument("--json", action="store_true", help="as JSON, for programs")
    cassettes.add_argument(
        "--dir", dest="folder", type=Path, default=Path("cassettes"), metavar="DIR", help="(default: cassettes/)"
    )
    cassettes.set_defaults(run=_cassettes)

    demo = verbs.add_parser("demo", help="See all clients at work against the sandbox.")
    demo.set_defaults(run=_demo)
    return parser


def _generate(options: argparse.Namespace) -> int:
    from specie.compiler import compile_specs
    from specie.compiler.render import render
    from specie.compiler.write import compare, write

    if not all(part.isidentifier() and not keyword.iskeyword(part) for part in options.package.split(".")):
        print(f"--package {options.package}: not the name of a package", file=sys.stderr)
        return 2
    if options.templates is not None and not options.templates.is_dir():
        print(f"--templates {options.templates}: no such folder", file=sys.stderr)
        return 2
    exchanges = compile_specs(options.specs, options.exchanges)
    files = render(exchanges, options.templates)
    root = options.out.joinpath(*options.package.split("."))
    changes = compare(files, root) if options.check else write(files, root)
    if changes:
        print(changes)
    state = f"{len(files)} files of {counted(exchanges)} in {root}"
    if options.check and changes:
        print(f"{state}: not what the specs say; run specie generate", file=sys.stderr)
        return 1
    print(f"{state}: {'written' if changes else 'nothing to change'}")
    return 0


def _lint(options: argparse.Namespace) -> int:
    from specie.compiler import compile_specs
    from specie.compiler.advice import advise

    exchanges = compile_specs(options.specs, options.exchanges)
    advice = [line for exchange in exchanges for line in advise(exchange)]
    for line in advice:
        print(line)
    of = f"{len(exchanges)} {'exchange' if len(exchanges) == 1 else 'exchanges'}"
    print(f"{counted(exchanges)} of {of}: nothing wrong, {len(advice)} things to better")
    return 0


def _list(options: argparse.Namespace) -> int:
    from specie.compiler import compile_specs

    print(listing(compile_specs(options.specs, options.exchanges), as_json=options.json))
    return 0


def _sandbox(options: argparse.Namespace) -> int:
    from specie.sandbox import run
    from specie.sandbox.faults import vocabulary

    if "list" in options.fault:
        print(vocabulary())
        return 0
    return run(
        options.exchanges,
        specs=options.specs,
        port=options.port,
        seed=options.seed,
        faults=options.fault,
        examples=options.examples,
        limits=not options.no_limits,
    )


def _record(options: argparse.Namespace) -> int:
    from .record import record_verb

    return record_verb(options)


def _cassettes(options: argparse.Namespace) -> int:
    from .record import cassettes_verb

    return cassettes_verb(options)


def _demo(_: argparse.Namespace) -> int:
    from .demo import demo

    return demo()
