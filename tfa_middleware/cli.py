"""The command line: ``tfa check | config | keys | presets | serve | demo | list | show | reset | sessions | ...``.

Exit codes: 0 done; 1 a check failed, or nothing was found; 2 wrong usage or configuration.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from tfa_middleware import cli_accounts, cli_config, cli_doctor, cli_presets, cli_serve, cli_sessions
from tfa_middleware.cli_output import Output
from tfa_middleware.errors import ConfigError, KeyFileError, TwoFactorError

_ABOUT = "Two-factor authentication for an application whose login cannot be changed."
_EXAMPLES = """\
examples:
  tfa check tfa.ini                                     is this configuration right?
  tfa doctor tfa.ini                                    does everything it needs work?
  tfa reset tfa.ini admin alice --reason "lost phone"   let a person enrol again
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code. Errors go to standard error, without a traceback."""
    out = Output.of(sys.stdout, sys.stderr)
    args = parser().parse_args(argv)
    try:
        code: int = args.run(args, out)
        sys.stdout.flush()
    except ConfigError as error:
        error.where = error.where or getattr(args, "file", "")
        out.error(str(error))
        return 2
    except KeyFileError as error:
        out.error(str(error))
        return 2
    except (TwoFactorError, OSError) as error:
        return _failed(error, out)
    except KeyboardInterrupt:
        return 130
    return code


def _failed(error: Exception, out: Output) -> int:
    if isinstance(error, BrokenPipeError):
        # Whoever read us has enough; without this Python complains once more while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    out.error(str(error))
    return 1


def parser() -> argparse.ArgumentParser:
    """The whole grammar of the command line."""
    top = argparse.ArgumentParser(
        "tfa", description=_ABOUT, epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    top.add_argument("--version", action="version", version=f"tfa_middleware {_version()}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (cli_config, cli_presets, cli_serve, cli_accounts, cli_sessions, cli_doctor):
        module.add(commands)
    return top


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("tfa_middleware")
    except PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    sys.exit(main())
