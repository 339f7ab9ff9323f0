"""A labeling config of any kind costs time in proportion to its length, and not without end."""

import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from transcribe_backend.errors import LabelingConfigError
from transcribe_backend.labeling import interface, tags
from transcribe_backend.labeling.interface import Interface, read

AUDIO = '<Audio name="a" value="$a"/>'
TEXT = '<TextArea name="t" toName="a"/>'
LENGTH = 100_000
QUICK = 0.02  # seconds of processor time
Make = Callable[[int], str]


def repeated(piece: str, length: int) -> str:
    """`piece` with a number in the place of #, as often as fits."""
    return "".join(piece.replace("#", str(number)) for number in range(length // len(piece)))


def view(inside: str) -> str:
    return f"<View>{inside}</View>"


KINDS: dict[str, Make] = {
    "controls": lambda n: view(AUDIO + repeated('<Labels name="l#" toName="a"><Label value="S #"/></Labels>', n)),
    "controls within each other": lambda n: view(
        AUDIO + repeated('<Labels name="l#" toName="a">', n) + "</Labels>" * (n // 29) + TEXT
    ),
    "labels": lambda n: view(
        f'{AUDIO}<Labels name="l" toName="a">' + repeated('<Label value="Speaker #"/>', n) + "</Labels>" + TEXT
    ),
    "labels of regions with a text": lambda n: view(
        f'{AUDIO}<TextArea name="t" toName="a" perRegion="true"/><Labels name="l" toName="a">'
        + repeated('<Label value="S#"/>', n)
        + "</Labels>"
    ),
    "choices": lambda n: view(
        f'{AUDIO}{TEXT}<Choices name="c" toName="a">' + repeated('<Choice value="en-US#"/>', n) + "</Choices>"
    ),
    "recordings": lambda n: view(repeated('<Audio name="a#" value="$a#"/>', n)),
    "audio tags": lambda n: view(repeated('<Audio name="a#" value="$a"/><TextArea name="t#" toName="a#"/>', n)),
    "texts": lambda n: view(AUDIO + repeated('<TextArea name="t#" toName="a" perRegion="true"/>', n)),
    "targets": lambda n: view(
        repeated('<Audio name="a#" value="$a#"/>', 4000) + f'<TextArea name="t" toName="{"x," * (n // 2)}"/>'
    ),
    "labels that show": lambda n: view(f'{AUDIO}<TextArea name="t" toName="a" whenLabelValue="{"x," * (n // 2)}"/>'),
    "predicted values": lambda n: view(
        f'{AUDIO}{TEXT}<Labels name="l" toName="a"><Label value="S" predicted_values="{"spk_1," * (n // 6)}"/></Labels>'
    ),
    "named texts": lambda n: view(f'<Audio name="a" value="$a" model_text="{"t," * (n // 2)}"/>{TEXT}'),
    "languages": lambda n: view(f'<Audio name="a" value="$a" model_languages="{"en-US," * (n // 6)}"/>{TEXT}'),
    "depth": lambda n: "<View>" * (n // 13) + AUDIO + TEXT + "</View>" * (n // 13),
    "data key": lambda n: view(f'<Audio name="a" value="${"a[1]." * (n // 5)}"/>{TEXT}'),
    "attributes": lambda n: view(
        f'<Audio name="a" value="$a" {repeated(chr(97) + "#=" + chr(34) * 2 + " ", n)}/>{TEXT}'
    ),
    "no XML": lambda n: "<View>" + "&lt;" * (n // 4),
}


def seconds(config: str) -> float:
    """Processor time of this thread for reading a config, however it ends."""
    begun = time.thread_time()
    with suppress(LabelingConfigError):
        found = interface._read(config, "en-US")
        found.explain()
        found.shape()
    return time.thread_time() - begun


@pytest.mark.parametrize("kind", KINDS)
def test_twice_the_config_takes_about_twice_the_time(kind: str) -> None:
    make = KINDS[kind]
    short, long = make(LENGTH), make(2 * LENGTH)
    measured: list[tuple[float, float]] = []
    for _ in range(10):  # the quickest of each: what else the machine does only slows them down
        measured.append((seconds(short), seconds(long)))
        of_short, of_long = map(min, zip(*measured, strict=True))
        if of_long < max(QUICK, 3 * of_short):
            return
    pytest.fail(f"seconds for a config, and for one twice as long: {measured}")


@pytest.mark.parametrize("kind", KINDS)
def test_the_longest_takes_no_more_than_a_moment(kind: str) -> None:
    assert seconds(KINDS[kind](tags.LONGEST - 10_000)) < 3


def test_a_longer_one_is_refused_without_being_read() -> None:
    with pytest.raises(LabelingConfigError, match="2.0 million characters; 1 million are the most"):
        read(view(AUDIO + TEXT) + " " * 2_000_000, "en-US")


def test_so_many_controls_are_nobodys() -> None:
    controls = repeated('<Labels name="l#" toName="a"><Label value="x"/></Labels>', 40_000)
    with pytest.raises(LabelingConfigError, match="tags with a name; 500 are the most"):
        read(view(AUDIO + TEXT + controls), "en-US")


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (f'{AUDIO}{TEXT}<Labels name="l" toName="a">' + "<Label value='x'/>" * 1001 + "</Labels>", "1001 labels; 1000"),
        (f"{AUDIO}{TEXT}{'<View>' * 10_001}{'</View>' * 10_001}", "10004 tags; 10000 are the most"),
        (f'{AUDIO}<TextArea name="t" toName="{"x," * 1001}a"/>', "1001 names in one attribute; 1000"),
        (f'{AUDIO}<TextArea name="t" toName="a" whenLabelValue="{"x," * 1001}"/>', "1001 names in one attribute"),
        (f'<Audio name="a" value="$a" model_text="{"t," * 1001}"/>{TEXT}', "1001 names in one attribute"),
    ],
    ids=("labels", "tags", "targets", "labels that show", "texts"),
)
def test_what_each_region_would_be_compared_with_is_bounded(config: str, reason: str) -> None:
    with pytest.raises(LabelingConfigError, match=reason):
        read(view(config), "en-US")


def test_a_thousand_labels_are_read_in_a_moment() -> None:
    labels = repeated('<Label value="S#"/>', 19_000)
    config = view(
        f'{AUDIO}<TextArea name="t" toName="a" perRegion="true"/><Labels name="l" toName="a">{labels}</Labels>'
    )
    assert len(labels.split("/>")) == 1001
    assert seconds(config) < 0.5


def test_long_configs_are_not_remembered() -> None:
    interface._remembered.cache_clear()
    for number in range(300):
        read(view(AUDIO + TEXT + f"<Header value='{number}'/>" + " " * 100_000), "en-US")
    assert interface._remembered.cache_info().currsize == 0
    assert read(view(AUDIO + TEXT), "en-US") is read(view(AUDIO + TEXT), "en-US")


def test_labels_within_another_control_belong_to_that() -> None:
    inner = '<Labels name="inner" toName="a"><Label value="Speaker 2"/><Label value="Speaker 3"/></Labels>'
    outer = (
        f'<Labels name="outer" toName="a"><View><Label value="Speaker 1"/></View>{inner}<Label value="Guest"/></Labels>'
    )
    found = read(view(AUDIO + outer + '<TextArea name="t" toName="a" perRegion="true"/>'), "en-US")
    assert {control.name: [option.value for option in control.options] for control in found.labels} == {
        "outer": ["Speaker 1", "Guest"],
        "inner": ["Speaker 2", "Speaker 3"],
    }


@pytest.mark.parametrize("place", ["²", "٣", "9" * 5000, "-1", "99999999999"])
def test_a_place_that_is_none_finds_nothing(place: str) -> None:
    found: Interface = read(view(f'<Audio name="a" value="$a[{place}]"/>{TEXT}'), "en-US")
    assert found.audio({"a": ["x", "y"]}) is None
