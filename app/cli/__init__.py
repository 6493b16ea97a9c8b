"""The command `bellwether`."""

import signal


def main() -> None:
    """Run the command line. SIGTERM and a closed terminal end a command as cleanly as Ctrl-C does."""
    # Reading the program takes a second in which there is nothing to clean up: a signal then just ends the process.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from app.cli.commands import cli  # noqa: PLC0415 - see above

    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    cli(prog_name="bellwether")
