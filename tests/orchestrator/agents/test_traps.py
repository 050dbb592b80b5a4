"""Where an exit status, or an event, says what is not so: each trap of each CLI by its name."""

import json
import re

from orchestrator.agents.reading import LINE
from state.agent_events import Failed, Message, ToolResult, Unknown
from tests.orchestrator.agents.recorded import judged, read, recorded


def line(**fields: object) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def test_pi_exits_with_0_when_its_provider_failed() -> None:
    run = recorded("pi", "err500")
    verdict = judged("pi", run.stream, status=0)
    assert (verdict.success, verdict.failure, verdict.why) == (False, "server", "500 mock internal error")


def test_qwen_tells_of_its_providers_failure_as_a_success_in_words_of_the_model() -> None:
    run = recorded("qwen", "err500")
    assert b'"is_error":false' in run.stream
    verdict = judged("qwen", run.stream, status=0)
    assert (verdict.success, verdict.failure) == (False, "server")
    told, events = read("qwen", run.stream)
    assert not told.said
    assert not any(isinstance(event, Message) for event, _ in events)


def test_qwen_may_have_said_something_before_its_provider_failed() -> None:
    text = "I will write the file.[API Error: Connection error. (cause: fetch failed)]"
    stream = recorded("qwen", "err500").stream.replace(b"[API Error: 500 mock internal error]", text.encode())
    verdict = judged("qwen", stream)
    assert (verdict.success, verdict.failure) == (False, "connection")
    assert verdict.why == "[API Error: Connection error. (cause: fetch failed)]"
    assert read("qwen", stream)[0].said == "I will write the file."


def test_qwen_has_more_to_say_of_limits() -> None:
    text = "[API Error: 429 limit]\\nPossible quota limitations in place or slow response times detected. Please wait"
    stream = recorded("qwen", "err500").stream.replace(b"[API Error: 500 mock internal error]", text.encode())
    assert judged("qwen", stream).failure == "rate_limit"


def test_qwen_may_have_said_a_lot_before_its_provider_failed() -> None:
    text = b"[API Error: 1] " * 100_000 + b"[API Error: Connection error.]"
    lines = recorded("qwen", "err500").stream.replace(b"[API Error: 500 mock internal error]", b"A" + text)
    assert judged("qwen", lines).failure == "connection"


def test_a_model_that_talks_of_api_errors_has_none() -> None:
    talk = b"The log has `[API Error: 500]` in it; now it is gone."
    stream = recorded("qwen", "success").stream.replace(b"All done: hello.txt is committed.", talk)
    assert judged("qwen", stream).success


def test_gemini_calls_it_a_success_that_it_gave_up() -> None:
    success = recorded("gemini", "success")
    for severity, message, failure in (
        ("warning", "Loop detected, stopping execution", "agent"),
        ("error", "Maximum session turns exceeded", "limit"),
    ):
        error = line(type="error", severity=severity, message=message)
        verdict = judged("gemini", *success.lines[:-1], error, success.lines[-1])
        assert (verdict.success, verdict.failure, verdict.why) == (False, failure, message)


def test_claude_and_gemini_and_copilot_exit_with_0_when_they_are_interrupted() -> None:
    for cli in ("claude", "copilot"):
        assert not judged(cli, recorded(cli, "kill").stream, status=0).success
    # gemini finished what it was told to end: then it is the supervisor who knows
    verdict = judged("gemini", recorded("gemini", "kill").stream, status=0, reason="cancelled")
    assert (verdict.success, verdict.failure) == (False, "interrupted")


def test_claudes_success_that_is_an_error_is_one() -> None:
    run = recorded("claude", "err500")
    assert b'"subtype":"success"' in run.stream
    verdict = judged("claude", run.stream, status=0)
    assert (verdict.success, verdict.failure) == (False, "server")


def test_codex_warnings_are_no_errors() -> None:
    run = recorded("codex", "success")
    told, events = read("codex", run.stream)
    assert [event.text[:14] for event, _ in events if isinstance(event, Failed)] == ["Model metadata"]
    assert told.fatal is None
    assert judged("codex", run.stream).success


def test_what_was_tried_again_and_worked_is_no_failure() -> None:
    for cli in ("claude", "codex", "copilot", "gemini", "opencode", "pi", "qwen"):
        run = recorded(cli, "err500once")
        assert judged(cli, run.stream, status=0, errors=run.errors).success


def test_words_on_standard_error_are_no_failure() -> None:
    run = recorded("codex", "success")
    assert judged("codex", run.stream, errors="ERROR: 401 Unauthorized, rate limit, ECONNREFUSED\n").success


def test_copilot_that_worked_on_after_an_error_is_fine_and_one_that_did_not_is_not() -> None:
    run = recorded("copilot", "success")
    error = line(type="session.error", data={"errorType": "quota", "message": "You have no quota."})
    last = max(at for at, this in enumerate(run.lines) if b'"assistant.message"' in this)
    assert judged("copilot", *run.lines[:last], error, *run.lines[last:]).success
    verdict = judged("copilot", *run.lines[:-1], error, run.lines[-1])
    assert (verdict.success, verdict.failure, verdict.why) == (False, "rate_limit", "You have no quota.")


def test_a_sub_agent_of_qwens_that_failed_is_not_the_run() -> None:
    run = recorded("qwen", "success")
    error = {"message": "Task execution failed"}
    of_sub_agent = {"is_error": True, "duration_ms": 0, "num_turns": 0, "usage": {"input_tokens": 0}, "error": error}
    inner = line(type="result", subtype="error_during_execution", uuid="u", **of_sub_agent)
    assert judged("qwen", *run.lines[:3], inner, *run.lines[3:]).success
    verdict = judged("qwen", inner.replace(b"Task execution failed", b"No auth type is selected."), status=1)
    assert (verdict.failure, verdict.why) == ("authentication", "No auth type is selected.")


def test_a_stream_without_an_end_is_an_interruption() -> None:
    verdict = judged("codex", *recorded("codex", "success").lines[:-1], status=0)
    assert (verdict.success, verdict.failure) == (False, "interrupted")
    assert "its stream has no end" in verdict.why


def test_pi_ends_once_for_each_time_that_it_tries() -> None:
    failed, fine = recorded("pi", "err500").lines, recorded("pi", "success").lines
    again = [at for at, this in enumerate(failed) if b"auto_retry_start" in this]
    assert len([this for this in failed if b'"agent_end"' in this]) == 4
    # the provider recovers at the second try
    assert judged("pi", *failed[: again[0] + 1], *fine[1:]).success
    # or the stream is cut while it waits to try again
    verdict = judged("pi", *failed[: again[1] + 1])
    assert (verdict.success, verdict.failure) == (False, "server")


def test_pi_takes_an_answer_that_broke_off_for_one_that_ended() -> None:
    said = recorded("pi", "success").stream
    told, untold = b'"input":800,"output":50,"cacheRead":200', b'"input":0,"output":0,"cacheRead":0'
    last = said.rindex(b'{"type":"message_end"')
    assert told in said[last:]
    said = said[:last] + said[last:].replace(told, untold)
    verdict = judged("pi", said, status=0)
    assert (verdict.success, verdict.failure) == (False, "connection")
    assert verdict.why.startswith("the model's last answer broke off")


def test_pi_with_a_provider_that_never_tells_what_is_used_ends_well() -> None:
    said = recorded("pi", "success").stream
    for field in (b"input", b"output", b"cacheRead"):
        said = re.sub(rb'"%s":\d+' % field, b'"%s":0' % field, said)
    assert judged("pi", said, status=0).success


def test_claude_that_was_interrupted_says_it_in_one_word_and_exits_with_0() -> None:
    *before, last = recorded("claude", "success").lines
    ended = {"is_error": True, "subtype": "error_during_execution", "terminal_reason": "aborted_tools"}
    words = {"result": "", "errors": ["[ede_diagnostic] result_type=user last_content_type=n/a"]}
    verdict = judged("claude", *before, line(**(json.loads(last) | ended | words)), status=0)
    assert (verdict.success, verdict.failure, verdict.why) == (
        False,
        "interrupted",
        "it was interrupted: aborted_tools",
    )


def test_pi_that_goes_on_after_its_end_is_not_over() -> None:
    run = recorded("pi", "success")
    assert not judged("pi", run.stream, line(type="compaction_start", reason="threshold")).success
    assert judged("pi", run.stream, line(type="compaction_start"), line(type="compaction_end", willRetry=False)).success
    assert not judged(
        "pi", run.stream, line(type="compaction_start"), line(type="compaction_end", willRetry=True)
    ).success


def test_an_answer_that_was_cut_off_is_no_clean_end() -> None:
    for cli, clean, cut in (
        ("opencode", b'"reason":"stop"', b'"reason":"length"'),
        ("pi", b'"stopReason":"stop","timestamp":', b'"stopReason":"length","timestamp":'),
    ):
        verdict = judged(cli, recorded(cli, "success").stream.replace(clean, cut))
        assert (verdict.success, verdict.failure) == (False, "agent")
        assert "'length'" in verdict.why


def test_claudes_later_results_add_up_and_the_last_one_counts() -> None:
    first, second = recorded("claude", "resume-1"), recorded("claude", "resume")
    told, _ = read("claude", first.stream, second.stream)
    assert (told.usage.input_tokens, told.usage.output_tokens) == (5600, 250)
    assert judged("claude", first.stream, second.stream).success
    assert not judged("claude", first.stream, *second.lines[:-1]).success


def test_an_end_that_is_followed_by_work_is_none() -> None:
    for cli in ("claude", "codex", "copilot", "gemini", "qwen"):
        run = recorded(cli, "success")
        assert not judged(cli, run.stream, *run.lines[1:-1]).success, cli


def test_limits_that_the_agent_was_given() -> None:
    result = recorded("claude", "success").lines[-1].replace(b'"subtype":"success"', b'"subtype":"error_max_turns"')
    verdict = judged("claude", *recorded("claude", "success").lines[:-1], result, status=1)
    assert verdict.failure == "limit"
    stream = recorded("qwen", "kill").stream
    assert judged("qwen", stream, status=53, errors="Reached max session turns for this session.\n").failure == "limit"


def test_claudes_messages_come_in_parts_under_one_name_and_count_once() -> None:
    stream = b"".join(recorded("claude", "success").lines[:-1])
    assert stream.count(b'"output_tokens":1,') == 4
    assert read("claude", stream)[0].usage.output_tokens == 3


def test_geminis_deltas_are_one_message() -> None:
    init, *_, result = recorded("gemini", "success").lines
    deltas = [line(type="message", role="assistant", content=word, delta=True) for word in ("All ", "is ", "done.")]
    _, events = read("gemini", init, *deltas, result)
    assert [event.text for event, _ in events if isinstance(event, Message)] == ["All is done."]
    told, _ = read("gemini", init, *deltas)
    assert told.said == "All is done."


def test_geminis_word_that_a_command_was_a_success_is_not_taken() -> None:
    _, events = read("gemini", recorded("gemini", "toolfail").stream)
    assert [event.ok for event, _ in events if isinstance(event, ToolResult)] == [None, None]


def test_what_was_thought_is_in_geminis_total_alone() -> None:
    stream = recorded("gemini", "success").stream.replace(
        b'"stats":{"total_tokens":3150', b'"stats":{"total_tokens":3650'
    )
    usage = read("gemini", stream)[0].usage
    assert (usage.tokens, usage.output_tokens, usage.reasoning_tokens) == (3650, 650, 500)


def test_what_was_thought_is_no_part_of_opencodes_output_and_becomes_one() -> None:
    stream = recorded("opencode", "success").stream.replace(b'"output":50,"reasoning":0', b'"output":50,"reasoning":30')
    usage = read("opencode", stream)[0].usage
    assert (usage.output_tokens, usage.reasoning_tokens) == (240, 90)


def test_what_it_costs_is_unknown_where_the_agent_has_no_price() -> None:
    stream = recorded("opencode", "success").stream.replace(b'"cost":0.0009', b'"cost":0')
    usage = read("opencode", stream)[0].usage
    assert (usage.dollars, usage.unpriced) == (0.0, 3150)


def test_copilots_credits_are_cents() -> None:
    credits = recorded("copilot", "resume-1").usage_file.replace(b'"totalNanoAiu": 0', b'"totalNanoAiu": 2500000000')
    usage = read("copilot", recorded("copilot", "resume-1").stream, usage_file=credits)[0].usage
    assert (usage.dollars, usage.unpriced, usage.tokens) == (0.025, 0, 3150)


def test_opencode_passes_on_how_long_its_provider_asks_to_wait() -> None:
    stream = recorded("opencode", "err500").stream.replace(b'"statusCode":500', b'"statusCode":429')
    verdict = judged("opencode", stream.replace(b'"content-length":"83"', b'"Retry-After":"30"'), status=1)
    assert (verdict.failure, verdict.wait) == ("rate_limit", 30.0)


def test_pis_end_holds_every_message_again_and_may_be_too_long_to_be_read() -> None:
    *lines, end = recorded("pi", "success").lines
    long = end.rstrip()[:-2] + b',"' + b"x" * 30 * 1024 * 1024 + b'"]}\n'
    assert len(long) > LINE
    assert judged("pi", *lines, long).success
    assert not judged("pi", *lines, long[:-3]).success


def test_a_long_result_of_claudes_is_not_taken_for_a_success() -> None:
    *lines, result = recorded("claude", "success").lines
    told, events = read("claude", *lines, result.replace(b"All done", b"x" * (LINE + 1)))
    assert told.finished is None
    assert isinstance(events[-1][0], Unknown)


def test_gemini_tries_for_ever_and_tells_so_on_standard_error_alone() -> None:
    begun, errors = recorded("gemini", "err500").stream, "Attempt 7 failed with status 429. Retrying with backoff...\n"
    verdict = judged("gemini", begun, status=-9, reason="timeout", errors=errors)
    assert (verdict.success, verdict.failure) == (False, "rate_limit")
    assert judged("gemini", begun, status=-9, reason="cancelled", errors=errors).failure == "interrupted"
    worked = b"".join(recorded("gemini", "success").lines[:3])
    assert judged("gemini", worked, status=-9, reason="timeout", errors=errors).failure == "interrupted"


def test_a_warning_is_not_why_a_run_failed_that_came_no_further() -> None:
    begun = b"".join(recorded("codex", "success").lines[:3])  # the session, a warning of a model's metadata, a turn
    late = judged("codex", begun, status=-9, reason="timeout")
    assert (late.failure, late.why) == ("interrupted", "it was ended: timeout")
    refused = judged("codex", begun, status=1, errors="ERROR: connect ECONNREFUSED 127.0.0.1:1\n")
    assert (refused.failure, refused.why) == ("connection", "ERROR: connect ECONNREFUSED 127.0.0.1:1")
    crashed = judged("codex", begun, status=101)
    assert crashed.failure == "agent"
    assert crashed.why.startswith("it exited with status 101; the last that it complained of: Model metadata")


def test_a_warning_does_not_hide_that_the_provider_failed() -> None:
    retry = line(type="error", message="Reconnecting... 5/5 (high demand)")
    warning = line(type="item.completed", item={"id": "w", "type": "error", "message": "a warning"})
    begun = b"".join(recorded("codex", "success").lines[:3])
    assert judged("codex", begun, retry, warning, status=1).failure == "overload"
