"""Runs every measurement: `python -m bench`."""

from bench import cli, health, program, sandbox_up, start

if __name__ == "__main__":
    for bench in (program.bench, sandbox_up.bench, health.bench, cli.bench, start.bench):
        print(bench(), flush=True)
