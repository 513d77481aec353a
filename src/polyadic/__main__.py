"""The command line: ``python -m polyadic`` or ``polyadic``."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from polyadic import commands
from polyadic.core.stage import run_and_exit


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command; exit code 2 and one sentence for bad input."""
    args = _parser().parse_args(argv)
    run_and_exit(lambda: args.action(args), debug=args.debug)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="polyadic", description="Tensor models of scientific data.")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, summary: str) -> argparse.ArgumentParser:
        verb = verbs.add_parser(name, help=summary, description=summary, parents=[common])
        verb.set_defaults(action=getattr(commands, name))
        return verb

    add("list", "Name the methods, sources and kinds.")
    add("schema", "Print the settings of a method or source as JSON schema.").add_argument("method", metavar="METHOD")
    read = add("read", "Read files to a Dataset of a kind, by the source that knows them.")
    read.add_argument("files", type=Path, nargs="+", metavar="FILE")
    read.add_argument("--kind", help="the kind to make; only needed where several sources know the files")
    read.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the source")
    read.add_argument("--out", type=Path, required=True, metavar="X.nc")
    add("check", "Check a file against the contract of its kind.").add_argument("file", type=Path, metavar="FILE")
    add("show", "Print what a file holds.").add_argument("file", type=Path, metavar="FILE")
    plot = add("plot", "Draw figures of a file; the ending of -o decides the format.")
    plot.add_argument("file", type=Path, metavar="FILE")
    plot.add_argument("-o", "--out", type=Path, nargs="+", metavar="X.svg", help="default: the file's name with .svg")
    plot.add_argument("--figure", nargs="+", metavar="NAME", help="the kind's figures, one an -o; default: the first")
    compare = add("compare", "Print the scores of runs side by side, baselines included.")
    compare.add_argument("runs", nargs="+", metavar="RUN", help="method/run, run, folder or metrics file")
    compare.add_argument("-o", "--out", type=Path, metavar="TABLE", help="also write .csv or .html")
    further = "posterior or station files whose tables follow in the .html"
    compare.add_argument("--with", dest="further", type=Path, nargs="+", default=[], metavar="FILE", help=further)
    add("history", "Print how a file was made, oldest step first.").add_argument("file", type=Path, metavar="FILE")
    verify = add("verify", "Check that files are undamaged and made by the present code from the present inputs.")
    verify.add_argument("path", type=Path, metavar="PATH", help="a file or a folder of results")
    add("workflow", 'Print the path of the Snakefile: snakemake -s "$(polyadic workflow)" --cores 2.')
    return parser


if __name__ == "__main__":
    main()
