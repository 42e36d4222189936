"""What a manifest names by URL: fetched within limits, and not from inside this network."""

from __future__ import annotations

import errno
import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from synthaudit.settings import Settings

if TYPE_CHECKING:
    import aiohttp

PROTOCOLS: Final = ("http", "https", "s3", "gs", "hf", "file")
"""Those that a manifest may name without being allowed to."""

CONNECT_SECONDS: Final = 10.0
SILENT_SECONDS: Final = 20.0
TOTAL_SECONDS: Final = 120.0
MOST_BYTES: Final = 500_000_000
_ATTEMPTS: Final = 3


@dataclass(frozen=True, kw_only=True)
class WebAccess:
    """What may be fetched for a manifest.

    Attributes:
        is_offline: nothing.
        allow_private: addresses of this machine and of its own network, too.
        allow_protocols: further protocols that fsspec knows.
    """

    is_offline: bool = False
    allow_private: bool = False
    allow_protocols: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """What the settings allow."""
        return cls(
            is_offline=settings.offline,
            allow_private=settings.allow_private,
            allow_protocols=settings.allow_protocols,
        )

    def refusal(self, url: str) -> str | None:
        """Why a URL of a manifest is not even tried; None where it may be."""
        protocol = url.partition("://")[0].lower()
        if "::" in protocol:
            return f"it is a chain of protocols ({protocol}), which manifests may not name"
        if protocol not in (*PROTOCOLS, *self.allow_protocols):
            known = ", ".join(PROTOCOLS)
            return f"its protocol {protocol} is none of {known}: --allow-protocol lets it"
        if self.is_offline and protocol != "file":
            return "it is behind a URL, and --offline was given"
        return None


def client_options(url: str, *, access: WebAccess | None) -> dict[str, Any]:
    """What fsspec is to be told for a URL: limits for the web and S3; others have their own.

    Args:
        url: of any protocol.
        access: what a manifest may reach; None for a URL that the user gave, who may reach all.
    """
    protocol = url.partition("://")[0].lower()
    if protocol in ("s3", "s3a"):
        patience = {"connect_timeout": CONNECT_SECONDS, "read_timeout": SILENT_SECONDS}
        return {"config_kwargs": {**patience, "retries": {"max_attempts": _ATTEMPTS}}}
    if protocol not in ("http", "https"):
        return {}
    if access is None:
        return {"get_client": _patient_client}
    return {"get_client": _limited_client if access.allow_private else _guarded_client}


async def _patient_client(**options: Any) -> aiohttp.ClientSession:
    """For what the user names, which may be large: only silence ends it."""
    return _client(options, total=None)


async def _limited_client(**options: Any) -> aiohttp.ClientSession:
    return _client(_with_limits(options), total=TOTAL_SECONDS)


async def _guarded_client(**options: Any) -> aiohttp.ClientSession:
    import aiohttp

    connector = aiohttp.TCPConnector(socket_factory=_public_socket)
    return _client({**_with_limits(options), "connector": connector}, total=TOTAL_SECONDS)


def _client(options: dict[str, Any], *, total: float | None) -> aiohttp.ClientSession:
    import aiohttp

    options.pop("loop", None)
    timeout = aiohttp.ClientTimeout(
        total=total, sock_connect=CONNECT_SECONDS, sock_read=SILENT_SECONDS
    )
    return aiohttp.ClientSession(timeout=timeout, **options)


def _with_limits(options: dict[str, Any]) -> dict[str, Any]:
    """For the images of a manifest, each of which ends soon."""
    import aiohttp

    class Limited(aiohttp.ClientResponse):
        """A response whose body has an end."""

        async def read(self) -> bytes:
            """All of it, unless it is too much."""
            if self._body is None:
                parts, size = [], 0
                async for part in self.content.iter_chunked(1 << 16):
                    size += len(part)
                    if size > MOST_BYTES:
                        self.close()
                        raise OSError(f"it is more than {MOST_BYTES:,} bytes")
                    parts.append(part)
                self._body = b"".join(parts)
            return self._body

    return {**options, "response_class": Limited}


def _public_socket(address: Any) -> socket.socket:
    """A socket to an address that is no part of this machine or its network.

    Every connection comes by here, also those that redirects and name servers lead to.
    """
    family, kind, protocol, _, (host, *_) = address
    number = ipaddress.ip_address(str(host).partition("%")[0])
    mapped = getattr(number, "ipv4_mapped", None)
    if not (mapped or number).is_global:
        raise OSError(
            errno.EACCES,
            f"{host} is an address of this machine or its network: --allow-private lets manifests "
            "reach it",
        )
    return socket.socket(family=family, type=kind, proto=protocol)
