"""The workers of `opsroom demo`: a real migration of click's own source, offline and without a model.

Each worker takes one file and replaces `import typing as t`, `t.Any` by `from typing import Any`, `Any`. What happens
on the way, a question, a failed check, a stop for a human, follows from what the files really say.
"""
