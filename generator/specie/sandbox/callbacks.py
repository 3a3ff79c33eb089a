"""What an exchange posts to an address that its client gave, off the path of any request.

No document says what an exchange does when nobody takes what it posts. Here it tries a few times; any status from 200
to 299 is taken for an acknowledgement, redirects are not followed, and nothing but the given address is ever called.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

import attrs

PAUSES_S = (0.1, 0.5, 2.0)
"""How long it waits after each attempt that failed; it tries once more than there are pauses."""
_PATIENCE_S = 5.0


@attrs.frozen
class Post:
    """What is posted, and where."""

    url: str
    content_type: str
    body: bytes = attrs.field(repr=False)


class Callbacks(Protocol):
    """What an exchange tells of by callbacks."""

    @property
    def pending(self) -> bool:
        """Whether there is still something to be told."""
        ...

    def posts(self, events: Sequence[object], credentials_of: Callable[[str], Mapping[str, str]]) -> Iterable[Post]:
        """What is to be posted after an action of the market; `credentials_of` gives those of an account."""
        ...


@runtime_checkable
class HasCallbacks(Protocol):
    """A face of an exchange that has callbacks."""

    @property
    def callbacks(self) -> Callbacks | None:
        """Its callbacks, if it has any after all."""
        ...


class Postman:
    """Posts, each by a task of its own, until it is closed."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def post(self, post: Post) -> None:
        """Have something posted; what comes of it is only logged."""
        task = asyncio.create_task(_deliver(post))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is not delivered."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _deliver(post: Post) -> None:
    import aiohttp

    failure = ""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PATIENCE_S)) as session:
        for pause_s in (*PAUSES_S, None):
            try:
                headers = {"Content-Type": post.content_type}
                async with session.post(post.url, data=post.body, headers=headers, allow_redirects=False) as reply:
                    if 200 <= reply.status < 300:
                        return
                    failure = f"it answers {reply.status}"
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                failure = str(error) or type(error).__name__
            if pause_s is not None:
                await asyncio.sleep(pause_s)
    where = urlsplit(post.url)
    message = "a callback to %s://%s%s was not taken: %s"  # without its query, in which there may be a secret
    logging.getLogger("specie.sandbox").warning(message, where.scheme, where.netloc, where.path, failure)
