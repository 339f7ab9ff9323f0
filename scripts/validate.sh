#!/bin/bash
# `validate.sh FOLDER`: what we deploy, against the schemas of those who read it, by the programs in FOLDER.
set -euo pipefail
cd "$(dirname "$0")/.."
example=examples/label_studio_ml_backend/aws_transcribe

# DL3042: the cache of pip is a mount and not in the image. DL3008: any git will do. DL3025: the shell fills in the variables.
"$1/hadolint" --failure-threshold warning --ignore DL3042 --ignore DL3008 --ignore DL3025 --ignore DL3066 \
    Dockerfile $example/Dockerfile
"$1/check-jsonschema" --quiet --builtin-schema vendor.compose-spec docker-compose.yml $example/docker-compose.yml
"$1/check-jsonschema" --quiet --builtin-schema vendor.github-workflows .github/workflows/test.yml
"$1/kubernetes-validate" --strict --quiet deploy/kubernetes.yaml deploy/kubernetes-worker.yaml
.venv/bin/cfn-lint deploy/cloudformation.yaml
echo "All valid."
