"""deploy/prometheus and deploy/grafana: alerts fire on symptoms, and nothing asks for a metric that does not exist."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness import ROOT
from transcribe_backend.telemetry.metrics import Metrics, Standing

ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yaml"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboard.json"
RULES: list[dict[str, Any]] = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
MINUTES = 400


def promtool(*arguments: str) -> str:
    """What it says; a test that needs it is skipped where it is not installed."""
    if shutil.which("promtool") is None:
        pytest.skip("No promtool here: apt-get install prometheus")
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def panels() -> list[dict[str, Any]]:
    return list(json.loads(DASHBOARD.read_text())["panels"])


def queries() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel.get("targets", [])]


@pytest.fixture(scope="module")
def known() -> set[str]:
    """The names under which Prometheus knows our metrics."""
    metrics = Metrics()
    for state in ("started", "completed", "reused"):
        metrics.job(state, 1.0, 1.0)
    metrics.text(1.0)
    metrics.store("read", 0.1)
    metrics.request("/predict", 200, 0.1)
    metrics.aws_call("s3", "GetObject", "")
    metrics.delivery("pushed")
    metrics.watch(lambda: Standing(owed={("push", ""): 1}))
    told = metrics.exposition().decode()
    return {re.split("[{ ]", line)[0] for line in told.splitlines() if line and line[0] != "#"} | {
        line.split()[2] + "_total" for line in told.splitlines() if line.startswith("# HELP")
    }


def test_every_metric_that_is_asked_for_exists(known: set[str]) -> None:
    asked = {name for text in [*queries(), *(rule["expr"] for rule in RULES)]
             for name in re.findall(r"transcribe_[a-z_]+", text)}  # fmt: skip
    throttles = {"transcribe_aws_throttles_total"}
    assert asked <= known | throttles, asked - known


def test_the_dashboard_can_be_imported_anywhere() -> None:
    board = json.loads(DASHBOARD.read_text())
    assert board["uid"] == "transcribe-backend" and "id" not in board
    assert [each["type"] for each in board["templating"]["list"]][0] == "datasource"
    drawn = [panel for panel in panels() if panel["type"] != "row"]
    assert {panel["datasource"]["uid"] for panel in drawn} == {"${datasource}"}
    assert len({panel["id"] for panel in panels()}) == len(panels())
    assert all(row["title"].removesuffix(" (estimates)").endswith("?") for row in panels() if row["type"] == "row")
    for panel in drawn:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        if any("$price" in target["expr"] for target in panel["targets"]):
            assert "stimate" in panel["title"] or "reuse" in panel["title"]


def test_its_queries_are_promql(tmp_path: Path) -> None:
    plain = [query.replace("$__rate_interval", "5m").replace("$price", "0.006") for query in queries()]
    rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(plain)]
    file = tmp_path / "panels.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", str(file))


def test_the_alerts_are_rules_and_say_what_to_do() -> None:
    assert f"{len(RULES)} rules found" in promtool("check", "rules", str(ALERTS))
    for rule in RULES:
        assert rule["annotations"]["summary"] and rule["annotations"]["description"].endswith(".")
        assert rule["labels"]["severity"] in ("page", "ticket", "info")


STEADY = f"0+1x{MINUTES}"
WELL = {
    "transcribe_pending_jobs": f"5x{MINUTES}",
    "transcribe_undelivered": f"3x{MINUTES}",
    "transcribe_oldest_job_seconds": f"120x{MINUTES}",
    "transcribe_audio_today_seconds": f"100x{MINUTES}",
    "transcribe_audio_limit_seconds": f"0x{MINUTES}",
    "transcribe_billed_seconds_total": f"0+30x{MINUTES}",
    "transcribe_text_seconds_count": STEADY,
    'transcribe_text_seconds_bucket{le="60"}': STEADY,
    'transcribe_text_seconds_bucket{le="7200"}': STEADY,
    'transcribe_text_seconds_bucket{le="+Inf"}': STEADY,
    'transcribe_store_seconds_bucket{kind="read",le="0.01"}': STEADY,
    'transcribe_store_seconds_bucket{kind="read",le="3"}': STEADY,
    'transcribe_store_seconds_bucket{kind="read",le="+Inf"}': STEADY,
    'transcribe_owed{queue="push",cause=""}': f"3x{MINUTES}",
    'transcribe_owed{queue="failed",cause="AudioNotFound",instance="a"}': f"2x{MINUTES}",
}
"""A backend on a good day, minute by minute."""
NONE = f"0x{MINUTES}"
TROUBLES: dict[str, dict[str, str]] = {
    "TranscribeBackendDown": {name: "_x400" for name in WELL},
    "TranscribeTextsAreLate": {'transcribe_text_seconds_bucket{le="60"}': NONE},
    "TranscribeNothingIsDelivered": {"transcribe_text_seconds_count": NONE},
    "TranscribeHeldUp": {'transcribe_owed{queue="push",cause="StudioDenied"}': f"4x{MINUTES}"},
    "TranscribeTasksFail": {'transcribe_owed{queue="failed",cause="AudioNotFound",instance="a"}': f"2+1x{MINUTES}"},
    "TranscribeDailyLimitReached": {"transcribe_audio_limit_seconds": f"100x{MINUTES}"},
    "TranscribeBillIsUnusual": {"transcribe_billed_seconds_total": f"0+600x{MINUTES}"},
    "TranscribeJobRunsForHours": {"transcribe_oldest_job_seconds": f"0+90x{MINUTES}"},
    "TranscribeStoreIsSlow": {'transcribe_store_seconds_bucket{kind="read",le="0.01"}': NONE},
}


def test_there_is_a_trouble_for_each_alert() -> None:
    assert set(TROUBLES) == {rule["alert"] for rule in RULES}


@pytest.mark.parametrize("alert", ["", *TROUBLES])
def test_each_alert_fires_on_its_symptom_and_no_other_does(alert: str, tmp_path: Path) -> None:
    series = {**WELL, **TROUBLES.get(alert, {})}
    tests = [
        {"eval_time": f"{MINUTES}m", "alertname": rule["alert"], "exp_alerts": []}
        for rule in RULES
        if rule["alert"] != alert
    ]
    expected = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": tests,
        "promql_expr_test": [],
    }
    if alert:
        labels = f'alertname="{alert}",alertstate="firing"'
        expected["promql_expr_test"] = [
            {"expr": f"count(ALERTS{{{labels}}}) > bool 0", "eval_time": f"{MINUTES}m",
             "exp_samples": [{"labels": "{}", "value": 1}]}
        ]  # fmt: skip
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": [expected]}))
    promtool("test", "rules", str(file))
