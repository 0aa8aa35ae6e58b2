"""Parts of a remote file for remotezip, within the bounds of `servers`: of time, and of the bytes requested."""

from __future__ import annotations

import re
from typing import Any

from lgn_lite.downloads.servers import Trouble, answer, paced, refuse, troubles

MAX_LIST = 64_000_000  # bytes of a zip's list of members


def fetcher(*arguments: Any, **options: Any) -> Any:
    """A `remotezip.RemoteFetcher` that refuses what it did not request; it is imported with the first use."""
    import requests
    from remotezip import RangeNotSupported, RemoteFetcher

    class Fetcher(RemoteFetcher):
        def fetch(self, data_range: tuple[int, int | None], stream: bool = False) -> Any:
            first, last = data_range
            if not stream and (-first if last is None else last - first + 1) > MAX_LIST:
                raise Trouble(f"its list of members would have more than {MAX_LIST:,} bytes", again=False)
            return super().fetch(data_range, stream)

        def _request(self, kwargs: dict[str, Any]) -> tuple[_Paced, str]:
            headers = kwargs["headers"] | {"Accept-Encoding": "identity"}
            with troubles(), requests.Session() as session:
                response = answer(session, self._url, headers)
            refuse(response)
            said = response.headers.get("Content-Range")
            if said is None:
                response.close()
                raise RangeNotSupported("gives no parts")
            given = re.fullmatch(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})", said.strip(), re.ASCII)
            requested = re.fullmatch(r"bytes=(\d*)-(\d*)", headers["Range"])
            if not given or not _fits(*map(int, given.groups()), *requested.groups()):
                response.close()
                raise Trouble("gives another part than the one requested")
            return _Paced(response), said

    return Fetcher(*arguments, **options)


def _fits(first: int, last: int, size: int, from_first: str, to_last: str) -> bool:
    """Whether the bytes first to last are those requested: bytes=3-9, bytes=3- or the last ones, bytes=-9."""
    if not first <= last < size:
        return False
    if not from_first:
        return last == size - 1 and last - first < int(to_last)
    return first == int(from_first) and (not to_last or last <= int(to_last))


class _Paced:
    """An answer as a file to read from; Trouble if it is too slow or breaks."""

    def __init__(self, response: Any):
        self._response, self._blocks, self._rest, self._at = response, paced(response.raw), b"", 0

    @property
    def closed(self) -> bool:
        return self._response.raw.closed

    def read(self, count: int) -> bytes:
        """`count` bytes, fewer only at the end."""
        parts, missing = [], count
        with troubles():
            while missing > 0 and (block := self._rest or next(self._blocks, b"")):
                parts.append(block[:missing])
                self._rest = block[missing:]
                missing -= len(parts[-1])
        self._at += count - missing
        return b"".join(parts)

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        self._response.close()
