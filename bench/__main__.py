"""Runs every measurement: `python -m bench`."""

from bench import cli, diagnose, health, program, sandbox_up, start

if __name__ == "__main__":
    for run_benchmark in (
        program.run_benchmark,
        sandbox_up.run_benchmark,
        health.run_benchmark,
        cli.run_benchmark,
        start.run_benchmark,
        diagnose.run_benchmark,
    ):
        print(run_benchmark(), flush=True)
