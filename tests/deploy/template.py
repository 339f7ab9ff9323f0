"""deploy/cloudformation.yaml as a user's parameters make it."""

import re
from typing import Any

from cfnlint.decode import cfn_yaml

from harness import ROOT

PATH = ROOT / "deploy" / "cloudformation.yaml"
_PSEUDO = {"AWS::Partition": "aws"}
_GONE = object()


class Template:
    """The template with its conditions and references resolved for some parameters, pseudo parameters among them."""

    def __init__(self, **parameters: str) -> None:
        self._raw: Any = cfn_yaml.load(str(PATH))
        defaults = {name: str(spec.get("Default", "")) for name, spec in self._raw["Parameters"].items()}
        self.values = {**_PSEUDO, **defaults, **parameters}

    def resources(self) -> dict[str, Any]:
        """What would be created."""
        return {
            name: self.resolved(resource)
            for name, resource in self._raw["Resources"].items()
            if "Condition" not in resource or self._holds(resource["Condition"])
        }

    def resolved(self, node: Any) -> Any:
        """A node without intrinsic functions; resources stand for themselves by name."""
        if isinstance(node, dict) and len(node) == 1:
            ((function, argument),) = node.items()
            if function == "Ref":
                return _GONE if argument == "AWS::NoValue" else self.values.get(argument, argument)
            if function == "Fn::Sub":
                return re.sub(r"\$\{([^}]+)\}", lambda found: self.values.get(found[1], found[1]), argument)
            if function == "Fn::GetAtt":
                return ".".join(argument) if isinstance(argument, list) else argument
            if function == "Fn::If":
                return self.resolved(argument[1 if self._holds(argument[0]) else 2])
        if isinstance(node, dict):
            values = {key: self.resolved(value) for key, value in node.items()}
            return {key: value for key, value in values.items() if value is not _GONE}
        if isinstance(node, list):
            return [value for value in map(self.resolved, node) if value is not _GONE]
        return node

    def _holds(self, condition: Any) -> bool:
        if isinstance(condition, str):
            return self._holds(self._raw["Conditions"][condition])
        ((function, argument),) = condition.items()
        if function == "Condition":
            return self._holds(argument)
        if function == "Fn::Not":
            return not self._holds(argument[0])
        left, right = (str(self.resolved(each)) for each in argument)
        return left == right
