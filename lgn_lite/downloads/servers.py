"""Servers as they are: answers that break, trickle, redirect to nowhere or ask for patience, within bounds of time."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lgn_lite.errors import InputError
from lgn_lite.support.error_lines import one_line

TIMEOUT = (10, 30)  # seconds: to connect, and between two bytes
ANSWER = 60  # seconds until an answer begins, whatever trickles in before, and wherever it is redirected
PACE_SECONDS = 30  # in which a server gives at least
PACE_BYTES = 60_000  # 2 kB per second, as a modem of 1995


class Trouble(Exception):
    """Why an address does not give the file; `again`: another try may help, after at least `pause` seconds."""

    def __init__(self, reason: str, again: bool = True, pause: float = 0.0, slow: bool = False):
        super().__init__(reason)
        self.again, self.pause, self.slow = again, pause, slow


def answer(session: Any, address: str, headers: Mapping[str, str]) -> Any:
    """The answer to a request, which begins within ANSWER seconds, however slowly its head or redirects trickle."""
    return _in_time(lambda: session.get(address, headers=headers, stream=True, timeout=TIMEOUT), ANSWER)


def refuse(response: Any) -> None:
    """Raise Trouble for an answer without content."""
    status = response.status_code
    if status not in (200, 206):
        again = status in (408, 425, 429) or status >= 500
        raise Trouble(f"answers {status} {response.reason}", again, _retry_after(response.headers) if again else 0)


def paced(raw: Any, block_size: int = 1 << 16) -> Iterator[bytes]:
    """The bytes of an answer as they come; Trouble for a server that gives fewer than PACE_BYTES in PACE_SECONDS."""
    begun, count = time.monotonic(), 0
    while block := raw.read1(block_size):  # what is there: to fill a block a slow server takes hours
        yield block
        count += len(block)
        if (seconds := time.monotonic() - begun) > PACE_SECONDS:
            if count < PACE_BYTES:
                raise Trouble(f"too slow: {count:,} bytes in {seconds:.0f} s", slow=True)
            begun, count = time.monotonic(), 0


def _in_time(work: Callable[[], Any], seconds: float) -> Any:
    """What `work` returns or raises, if that is within `seconds`; else Trouble."""
    ended: queue.SimpleQueue = queue.SimpleQueue()

    def run() -> None:
        try:
            ended.put((work(), None))
        except BaseException as error:
            ended.put((None, error))

    threading.Thread(target=run, daemon=True).start()  # left to itself if it hangs: it dies with the process
    try:
        result, error = ended.get(timeout=seconds)
    except queue.Empty:
        raise Trouble(f"no answer within {seconds:.0f} s", slow=True) from None
    if error is not None:
        raise error
    return result


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds from now that a Retry-After asks for: it is a number of seconds or a date; 0 if it is neither."""
    from urllib3 import Retry
    from urllib3.exceptions import InvalidHeader

    with contextlib.suppress(InvalidHeader, ValueError, OverflowError):
        return float(Retry().parse_retry_after(headers.get("Retry-After", "")[:40]))
    return 0.0


@contextlib.contextmanager
def troubles() -> Iterator[None]:
    """Errors of HTTP as Trouble: of requests, and what it lets through of the layers below it."""
    from http.client import HTTPException

    import requests
    from urllib3.exceptions import HTTPError

    try:
        yield
    except (requests.TooManyRedirects, requests.exceptions.InvalidHeader) as error:
        raise Trouble(one_line(str(error)), again=False) from error
    except requests.RequestException as error:
        raise Trouble(in_words(error), again=not isinstance(error, ValueError)) from error  # ValueError: no address
    except (HTTPError, HTTPException) as error:  # while the content is read
        raise Trouble(in_words(error)) from error
    except (ValueError, UnicodeError) as error:  # a redirect to http://[ and the like
        if isinstance(error, InputError):
            raise
        raise Trouble(f"leads to what is not an address ({one_line(str(error))})", again=False) from error


def in_words(error: Exception) -> str:
    """An error of HTTP for people, if it is one that they meet; its own text names its insides."""
    import requests
    import urllib3.exceptions as low

    cases = {
        requests.exceptions.ProxyError: "the proxy refuses",
        requests.exceptions.SSLError: "its certificate is not accepted",
        requests.Timeout: "no answer in time",
        low.TimeoutError: "no answer in time",
        requests.exceptions.ChunkedEncodingError: "the connection broke",
        low.ProtocolError: "the connection broke",
        requests.ConnectionError: "no connection",
    }
    return next((words for case, words in cases.items() if isinstance(error, case)), one_line(str(error)))
