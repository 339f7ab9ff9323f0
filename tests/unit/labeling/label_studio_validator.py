"""Run by Label Studio's own Python: its strict validation over predictions.

stdin: [{"config": xml, "predictions": [...]}], stdout: [{"config": [problems], "predictions": [[problems], ...]}].
`config` is judged as when a project is saved, predictions as with the flag that turns their validation on.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any


def main() -> None:
    with tempfile.TemporaryDirectory() as data:
        validate_config = label_studio(data)
        from label_studio_sdk.label_interface import LabelInterface

        def judge(case: dict[str, Any]) -> dict[str, Any]:
            interface = LabelInterface(case["config"])
            problems = [interface.validate_prediction(one, return_errors=True) for one in case["predictions"]]
            return {"config": refused(validate_config, case["config"]), "predictions": problems}

        answers = [judge(case) for case in json.load(sys.stdin)]
    json.dump(answers, sys.stdout)


def label_studio(data: str) -> Any:
    """Label Studio's check of a labeling config, which lives in its Django application."""
    os.environ.update(
        DJANGO_SETTINGS_MODULE="label_studio.core.settings.label_studio",
        LABEL_STUDIO_BASE_DATA_DIR=data,
        LATEST_VERSION_CHECK="false",
        COLLECT_ANALYTICS="false",
        SENTRY_DSN="",
        FRONTEND_SENTRY_DSN="",
        LOG_LEVEL="ERROR",
    )
    import label_studio as package

    sys.path.insert(0, str(Path(package.__file__).parent))
    stdout, sys.stdout = sys.stdout, sys.stderr
    import django

    django.setup()
    from core.label_config import validate_label_config

    sys.stdout = stdout
    return validate_label_config


def refused(validate_config: Any, config: str) -> list[str]:
    try:
        validate_config(config)
    except Exception as error:  # whatever it is, Label Studio would not save the config
        return [str(error)]
    return []


if __name__ == "__main__":
    main()
