"""The command line, which calls no AWS for previews."""

import pytest

from ops.cli.app import main
from tests.ops.call_recorder import record_calls
from tests.ops.preview.reports import RunLine


@pytest.fixture
def run_line(capsys: pytest.CaptureFixture[str]) -> RunLine:
    """Types a line; its exit code, stdout and stderr. None of them may call AWS."""

    def run_without_aws(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with record_calls() as calls:
            code = main(list(words))
        assert calls == []
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_without_aws
