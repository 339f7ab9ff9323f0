"""Python sleeps by a call that libfaketime 0.9.10 refuses as invalid; `select` sleeps as well."""

import select
import time


def _sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


time.sleep = _sleep  # type: ignore[assignment]
