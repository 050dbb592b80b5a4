"""claude: `claude -p --output-format stream-json`. Seen with 2.1.329.

A failure of the API is a `result` of subtype `success` with `is_error`; one message comes in several events of the same
id, and only the `result` counts its output right. `total_cost_usd` counts the whole session in this version and the run
alone in 2.1.197, so what counts is `model_usage_since_last_result`, which only the later one has.
"""

from collections.abc import Mapping

from orchestrator.agents.adapter import Adapter, Run
from orchestrator.agents.claude_stream import StreamParser

__all__ = ["ADAPTER"]


def _arguments(run: Run) -> list[str]:
    begin = ["-p", "--output-format", "stream-json", "--verbose", "--dangerously-skip-permissions"]
    begin += ["--model", run.model] if run.model else []
    return [*begin, "--resume", run.resume] if run.resume else begin


def _environment(run: Run) -> Mapping[str, str]:
    quiet = ("DISABLE_TELEMETRY", "DISABLE_AUTOUPDATER", "DISABLE_ERROR_REPORTING", "DISABLE_BUG_COMMAND")
    found = dict.fromkeys((*quiet, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"), "1")
    return found | ({"IS_SANDBOX": "1"} if run.root and run.sandboxed else {})


ADAPTER = Adapter(
    kind="claude",
    program="claude",
    package="@anthropic-ai/claude-code",
    version="2.1.329",
    arguments=_arguments,
    parser=StreamParser,
    environment=_environment,
    keys=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
    variables=(
        *("ANTHROPIC_BASE_URL", "ANTHROPIC_MODEL", "ANTHROPIC_SMALL_FAST_MODEL", "ANTHROPIC_CUSTOM_HEADERS"),
        *("CLAUDE_CODE_MAX_RETRIES", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "API_TIMEOUT_MS"),
    ),
    refuses_root=True,
    credentials=("~/.claude/.credentials.json", "~/.claude/settings.json", "~/.claude/CLAUDE.md"),
)
