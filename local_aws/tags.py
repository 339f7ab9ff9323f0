"""Tags of jobs and vocabularies."""

from collections.abc import Iterable, Mapping, Sequence

from local_aws.errors import BadRequest

_MOST = 50

Tags = dict[str, str]


def parse(tags: Sequence[Mapping[str, str]] | None) -> Tags:
    """Tags of a request by key; raises BadRequest for doubled or reserved keys."""
    keys = [tag["Key"] for tag in tags or ()]
    if len(set(keys)) < len(keys):
        raise BadRequest("Tag keys must be unique.")
    if any(key.lower().startswith("aws:") for key in keys):
        raise BadRequest("Tag keys can't begin with 'aws:'.")
    return merged({}, {tag["Key"]: tag["Value"] for tag in tags or ()})


def merged(old: Tags, new: Tags) -> Tags:
    """Both together, the new values winning; raises BadRequest beyond 50."""
    both = {**old, **new}
    if len(both) > _MOST:
        raise BadRequest(f"A resource can have at most {_MOST} tags.")
    return both


def without(old: Tags, keys: Iterable[str]) -> Tags:
    """The tags but those of the given keys."""
    return {key: value for key, value in old.items() if key not in set(keys)}


def listed(tags: Tags) -> list[dict[str, str]]:
    """Tags as AWS lists them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
