"""What is looked at: an installation as its environment describes it, each part made when a check asks for it."""

import os
from collections.abc import Mapping
from functools import cached_property

from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.commands.connections import Connection, basic
from transcribe_backend.settings import Settings
from transcribe_backend.studio.client import Studio


class Patient:
    """An installation. `backend_url` is the server as Label Studio sees it ("" for this machine at PORT); `projects`
    are the numbers to look at, all when there are none. Parts raise what making them raises.
    """

    def __init__(self, environ: Mapping[str, str], backend_url: str = "", projects: tuple[int, ...] = ()) -> None:
        self.environ = environ
        self.projects = projects
        self.connections: list[Connection] = []
        """What the check of that name has found to be ours."""
        self.arn = ""
        """Who we are to AWS, once `identity` knows it."""
        self._backend_url = backend_url

    @cached_property
    def settings(self) -> Settings:
        """The settings; raises SettingsError."""
        return Settings.from_env(self.environ)

    @cached_property
    def clients(self) -> AWSClients:
        """AWS, as the backend asks it."""
        return AWSClients(os.environ.get("AWS_REGION") or None)

    @cached_property
    def studio(self) -> Studio:
        """Label Studio, as the backend asks it."""
        return Studio(self.settings.label_studio_url, self.settings.label_studio_api_key)

    @property
    def authorization(self) -> str:
        """The Authorization header that callers of the backend must give."""
        return basic(self.settings.basic_auth_user, self.settings.basic_auth_pass)

    @property
    def backend_url(self) -> str:
        """Where Label Studio is to find the backend."""
        return self._backend_url or f"http://localhost:{self.settings.port}"
