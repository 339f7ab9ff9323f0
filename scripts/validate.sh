#!/bin/bash
# `validate.sh FOLDER`: what we deploy, against the schemas of those who read it, by the programs in FOLDER.
set -euo pipefail
cd "$(dirname "$0")/.."
example=examples/label_studio_ml_backend/aws_transcribe

"$1/hadolint" Dockerfile $example/Dockerfile
"$1/check-jsonschema" --quiet --builtin-schema vendor.compose-spec docker-compose.yml $example/docker-compose.yml
"$1/check-jsonschema" --quiet --builtin-schema vendor.github-workflows .github/workflows/test.yml
"$1/kubernetes-validate" --strict deploy/kubernetes.yaml deploy/kubernetes-worker.yaml
.venv/bin/cfn-lint deploy/cloudformation.yaml
echo "All valid."
