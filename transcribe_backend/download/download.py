"""Audio from URLs that a task's author chose: fetched only from where we mean to."""

import ipaddress
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests_hardened.ip_filter import InvalidIPAddress
from requests_hardened.ip_filter_adapter import IPFilterAdapter

from transcribe_backend.download import bodies
from transcribe_backend.download.bodies import Limits
from transcribe_backend.errors import AudioError, AudioForbidden, AudioNotFound
from transcribe_backend.telemetry.redact import shown

_REDIRECTS = 5
_HEADERS = {"Accept": "audio/*, video/*;q=0.9, */*;q=0.5", "Accept-Encoding": "identity"}
_ROUTED = ipaddress.ip_network("2000::/3")
# Within it: Teredo and 6to4 carry IPv4 addresses, the last is for documentation (IANA's special-purpose registry).
_NOT_ROUTED = tuple(map(ipaddress.ip_network, ("2001::/23", "2002::/16", "3fff::/20")))


class Downloader:
    """Downloads http(s) URLs; thread-safe.

    Policy: the address that is connected to must be public, on each of at most 5 redirects; `allowed_hosts` (`host` or
    `host:port`) are exempt. No proxy and no .netrc of the environment is used: a proxy would resolve names itself and
    connect where we cannot see it.
    """

    def __init__(self, allowed_hosts: Iterable[str], limits: Limits) -> None:
        self._limits = limits
        self._allowed = frozenset(host.lower() for host in allowed_hosts)

    @contextmanager
    def open(self, url: str) -> Iterator[Iterator[bytes]]:
        """The body of `url` as chunks. Raises AudioForbidden, AudioNotFound, AudioUnsupported or AudioError."""
        deadline = self._limits.clock() + self._limits.seconds
        with self._session() as session, self._final(session, url, deadline) as response:
            audio = shown(url)
            _check_status(response, audio)
            bodies.check_head(response, self._limits, audio)
            yield bodies.read(response, self._limits, deadline, audio)

    def _session(self) -> requests.Session:
        session = bodies.OneHopSession()
        session.trust_env = False
        session.headers.update(_HEADERS)
        for secure in (False, True):
            session.mount("https://" if secure else "http://", _PublicOnly(secure, self._allowed))
        return session

    def _final(self, session: requests.Session, url: str, deadline: float) -> requests.Response:
        audio = shown(url)
        for _ in range(_REDIRECTS + 1):
            check_url(url)
            response = self._hop(session, url, deadline, audio)
            if not response.is_redirect:
                return response
            response.close()
            url = _next(url, response.headers["Location"])
        raise AudioForbidden(f"{audio} redirects more than {_REDIRECTS} times.", remedy="Use its final URL.")

    def _hop(self, session: requests.Session, url: str, deadline: float, audio: str) -> requests.Response:
        left = max(0.1, deadline - self._limits.clock())
        timeout = (min(left, self._limits.connect_timeout), min(left, self._limits.read_timeout))
        try:
            return session.get(url, stream=True, timeout=timeout)
        except InvalidIPAddress as error:
            raise _private(url) from error
        except (requests.exceptions.InvalidURL, UnicodeError) as error:
            raise AudioForbidden(f"{audio} is not a valid URL.", remedy="Correct the task's data.") from error
        except requests.RequestException as error:
            raise AudioError(
                f"{audio}: {_host(url)} does not answer ({type(error).__name__}).",
                remedy="Check the URL and that this backend can reach it.",
                retryable=True,
            ) from error


class _PublicOnly(IPFilterAdapter):  # type: ignore[misc]
    """The library resolves a name once, checks the address and connects to just that one.

    We add the networks that it does not know, and the exempt hosts.
    """

    def __init__(self, secure: bool, allowed: frozenset[str]) -> None:
        super().__init__(is_https_proto=secure)
        self._exempt = allowed

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        if _is_exempt(urlsplit(request.url), self._exempt):
            return HTTPAdapter.build_connection_pool_key_attributes(self, request, verify, cert)
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        if not is_public(host["host"].strip("[]")):
            raise InvalidIPAddress(host["host"])
        return host, pool


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet."""
    ip = ipaddress.ip_address(address)
    if ip.version == 6 and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    if ip.version == 6 and (ip not in _ROUTED or any(ip in network for network in _NOT_ROUTED)):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def _next(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return location  # no URL at all, as check_url is going to say


def check_url(url: str) -> None:
    """Refuse what is no plain http(s) URL with a host: other schemes, user:password@, control characters.

    Raises AudioForbidden.
    """
    problem = _url_problem(url)
    if problem:
        raise AudioForbidden(f"{shown(url)} {problem}.", remedy="Use a plain http(s):// or s3:// URL.")


def _url_problem(url: str) -> str:
    if any(ord(char) < 32 or ord(char) == 127 or char == "\\" for char in url):
        return "holds control characters or backslashes"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is not a valid URL"
    if parts.scheme not in ("http", "https"):
        return "leads to something else than http(s)"
    if not parts.hostname or port == 0:
        return "names no host"
    return "holds a user name or password" if "@" in parts.netloc else ""


def _is_exempt(parts: SplitResult, allowed: frozenset[str]) -> bool:
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return not allowed.isdisjoint({host, f"{host}:{port}", f"[{host}]:{port}"})


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _private(url: str) -> AudioForbidden:
    return AudioForbidden(
        f"{shown(url)} resolves to an address that is not public.",
        remedy=f"If it is meant, add {_host(url)} to ALLOWED_AUDIO_HOSTS.",
    )


def _check_status(response: requests.Response, audio: str) -> None:
    status = response.status_code
    if status in (404, 410):
        raise AudioNotFound(f"{audio}: its server answers {status}.", remedy="Check the URL in the task.")
    if status in (401, 403):
        raise AudioForbidden(
            f"{audio}: its server answers {status}.",
            remedy="A presigned URL may have expired: import s3:// URIs instead, or sign it for longer.",
        )
    if status != 200:
        raise AudioError(
            f"{audio}: its server answers {status}.", remedy="Check the URL in a browser.", retryable=status >= 500
        )
