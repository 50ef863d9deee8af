"""`python -m anyres_bench` is `anyres-bench`."""

import signal
import sys


def main() -> None:
    """Run the command line; to be stopped while it is imported or while it ends is no error."""
    if sys.platform == "win32":
        sys.exit(
            "error: Python on Windows lacks the file locks and guarded folders that anyres-bench "
            "works with; run it in WSL 2 (docs/installing.md)"
        )
    try:
        from anyres_bench.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        sys.exit(130)
    finally:
        # Python's own handler would show a traceback in the middle of the interpreter's end.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    main()
