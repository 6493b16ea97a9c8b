"""The command `bellwether`."""

import signal


def main() -> None:
    """Run the command line."""
    # Reading the program takes a second in which there is nothing to clean up: a signal then just ends the process.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from app.cli.commands import cli  # noqa: PLC0415 - see above

    cli(prog_name="bellwether")
