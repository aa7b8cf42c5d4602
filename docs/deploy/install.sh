#!/bin/sh
# Installs dj_assets from a checkout into an environment, with compiled kernels: the steps of the Dockerfile, which
# `make image-check` runs without Docker.
#
# usage: install.sh CHECKOUT ENVIRONMENT PROJECT [EXTRAS]
set -eu
checkout=$1 environment=$2 project=$3 extras=${4:-postgres,vision}
python3 -m venv "$environment"
pip="$environment/bin/pip --quiet --disable-pip-version-check"
# PyTorch for CPUs takes less than 1 GB, that for CUDA more than 5
if [ -n "${TORCH_INDEX:-}" ]; then $pip install --index-url "$TORCH_INDEX" torch torchvision; fi
# kernels are compiled where the sources are, and go into the wheel
$pip install --constraint "$checkout/requirements.lock" --editable "$checkout"
"$environment/bin/python" -m dj_assets.reference.compiled_kernels
$pip wheel --no-deps --wheel-dir "$environment/wheels" "$checkout"
$pip uninstall --yes dj_assets
$pip install --constraint "$checkout/requirements.lock" "$(ls "$environment"/wheels/*.whl)[$extras]"
rm -r "$environment/wheels"
mkdir -p "$project"
cd "$project"
"$environment/bin/dj-assets" init
cp "$checkout/docs/deploy/dagster.yaml" "$checkout/docs/deploy/workspace.yaml" "$project/dagster_home/"
