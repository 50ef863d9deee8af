"""`anyres-bench doctor`: whether this machine computes the numbers that others do."""

from __future__ import annotations

import click

from anyres_bench.cli.console import show


@click.command()
def command() -> None:
    """Show versions, devices, cache and weights, and test the numbers of this machine.

    The resize to a network's input is held against clean-fid's, and the Frechet distance against
    its definition; the largest differences are shown. The exit code is 1 where something is wrong,
    with what to do about it. Send what this prints along with a question about a number.

    \b
    Example:
      anyres-bench doctor
    """
    from anyres_bench.evaluation.doctor import examine

    all_well = True
    for finding in examine():
        show(f"{'ok' if finding.ok else 'WRONG':<6} {finding.name}: {finding.text}")
        all_well &= finding.ok
    if not all_well:
        raise click.exceptions.Exit(1)
