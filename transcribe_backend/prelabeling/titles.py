"""What people call their projects, as far as our token may see them."""

from transcribe_backend.studio.client import Studio

_MOST = 200


class Titles:
    """The titles of Label Studio's projects by number, as they were when they were last `read`."""

    def __init__(self, studio: Studio | None) -> None:
        self._studio = studio
        self.known: dict[int, str] = {}

    def read(self) -> dict[int, str]:
        """Ask for them; raises StudioError."""
        if self._studio is not None:
            answer = self._studio.get("/api/projects/", page_size=_MOST, include="id,title")  # else it counts tasks
            self.known = {int(project["id"]): str(project["title"]) for project in answer["results"]}
        return self.known
