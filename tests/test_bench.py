"""The measurements: work is compared with its imports alone."""

from bench.floor import Measured, measure


def test_work_is_measured_against_what_it_imports() -> None:
    measured = measure("sleep", "import decimal, time; time.sleep(0.2)", "none", runs=1)
    assert measured.total >= 0.2 > measured.floor > 0


def test_a_measurement_reads_as_a_ratio() -> None:
    assert str(Measured("up", 3.0, 2.0, "2x")) == (
        "up: 1.50x its imports (3.00 s, of which imports 2.00 s, the rest 1.00 s); goal 2x"
    )
