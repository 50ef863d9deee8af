"""`python -m anyres_bench` is `anyres-bench`."""

from anyres_bench.cli.main import main

if __name__ == "__main__":
    main()
