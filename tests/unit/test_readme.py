"""What the README and the changelog say is so."""

import re
import sys
import xml.etree.ElementTree as ElementTree  # noqa: S405 - our own README
from pathlib import Path

from transcribe_backend import __version__
from transcribe_backend.commands.parser import parser
from transcribe_backend.labeling import interface
from transcribe_backend.labeling.options import ATTRIBUTES
from transcribe_backend.speech.languages import _NAMES, CODES, base
from transcribe_backend.speech.vocabulary import can_learn

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
sys.path.insert(0, str(ROOT / "scripts"))


def test_the_settings_table_is_the_settings() -> None:
    from settings_table import table

    shown = re.search(r"test_readme.py -->\n(.*)\n<!-- /settings", README, re.DOTALL)
    assert shown and shown[1] == table(), "run scripts/settings_table.py and put its output into README.md"


def test_every_attribute_is_documented() -> None:
    documented = set(re.findall(r"`(model_[a-z_]+)", README))
    assert documented - {"model_version"} == set(ATTRIBUTES)


def test_the_attributes_of_the_examples_are_accepted() -> None:
    for example in re.findall(r"`(model_[a-z_]+=\"[^\"]*\")`", README):
        audio = f'<Audio name="a" value="$audio" {example}/>'
        texts = '<TextArea name="transcript" toName="a"/><TextArea name="words" toName="a" perRegion="true"/>'
        who = '<Labels name="who" toName="a"><Label value="Ann"/><Label value="Bob"/></Labels>'
        assert interface.read(f"<View>{audio}{texts}{who}</View>", "en-US").recognition is not None
    tags = [ElementTree.fromstring(tag) for tag in re.findall(r"```xml\n(.*?)\n```", README, re.DOTALL)]  # noqa: S314
    assert [tag.get("model_speakers") for tag in tags if tag.tag == "Audio"] == ["2"]


def test_the_languages_that_can_learn_are_documented() -> None:
    known = {_NAMES[base(code)] for code in CODES if can_learn(code)}
    for document in (README, (ROOT / "docs" / "learning.md").read_text()):
        shown = re.search(r"(Afrikaans, .*?)(?: can be learnt)?\.", document, re.DOTALL)
        assert shown and set(re.split(r",\s+|\s+and\s+", shown[1])) == known


def test_every_command_is_documented_and_exists() -> None:
    documented = set(re.findall(r"python -m transcribe_backend (\w+)", README + OPERATIONS))
    commands = next(action.choices for action in parser()._actions if action.dest == "command")
    assert documented | {"serve"} == set(commands or ())


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"^make (\w[\w-]*)|`make (\w[\w-]*)`", README, re.MULTILINE)):
        assert re.search(rf"^{max(target)}:", makefile, re.MULTILINE), target


def test_the_changelog_knows_this_version() -> None:
    headings = re.findall(r"^## \[(.*?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert [heading for heading in headings if heading != "Unreleased"][0] == __version__
