"""The Hugging Face hub, where there is one: whether it can be reached, and no minute of retries where it cannot."""

import contextlib
import socket
import urllib.parse
import urllib.request
from collections.abc import Iterator


@contextlib.contextmanager
def no_waiting_offline() -> Iterator[None]:
    """Where the hub's name does not resolve, use its cache at once instead of retrying for a minute."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not is_near()
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def is_near() -> bool:
    """Tell whether the hub's name resolves; behind a proxy that is the proxy's business."""
    from huggingface_hub import constants

    try:
        socket.getaddrinfo(urllib.parse.urlsplit(constants.ENDPOINT).hostname, 443)
    except OSError:
        return bool(urllib.request.getproxies())
    return True
