"""The command `bellwether`."""

import gc
import signal


def main() -> None:
    """Run the command line."""
    # Reading the program takes a second in which there is nothing to clean up: a signal then just ends the process.
    # What is read stays: looking for garbage in it would take up to half as long again.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.disable()
    from app.cli.commands import cli  # noqa: PLC0415 - see above

    cli(prog_name="bellwether")
