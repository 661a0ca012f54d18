#!/usr/bin/env bash
# Makes vLLM's own environment: vllm-environment.sh FOLDER PYTHON [pip arguments]. Safe to run again; an interrupted run goes on.
# FORCE=1 installs also where no NVIDIA driver is seen.
set -eu
folder=$1 python=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
requirements=${VLLM_REQUIREMENTS:-$here/vllm-requirements.txt}
version=$(sed -n 's/^vllm==//p' "$requirements")
# Sum of the wheels that pip resolves for 0.33.0 on Python 3.11 (198 packages); on disk they take more than twice that.
download_gb=4 disk_gb=12

refuse() { echo "vLLM was not installed: $1" >&2; exit 1; }

[ "$(uname -s)" = Linux ] || refuse "its wheels are for Linux only; on Windows use WSL2, elsewhere name a server in llm_services.yaml (runtime: remote)."
command -v "$python" >/dev/null 2>&1 || refuse "there is no program '$python'; set PYTHON=/path/to/python3.12."
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' \
  || refuse "it needs Python 3.11 to 3.14 and '$python' is $("$python" -V 2>&1); set PYTHON=/path/to/python3.12."
[ "${FORCE:-}" = 1 ] || command -v nvidia-smi >/dev/null 2>&1 \
  || refuse "no NVIDIA driver is seen here (nvidia-smi is missing) and it runs on nothing else; set FORCE=1 to install it all the same."
mkdir -p "$folder" || refuse "the folder $folder cannot be made."
free_gb=$(($(df -Pk "$folder" | awk 'NR == 2 {print $4}') / 1048576))
[ "$free_gb" -ge "$disk_gb" ] || [ -x "$folder/bin/vllm" ] \
  || refuse "it needs about $disk_gb GB of disk in $folder and $free_gb GB are free."

echo "Installing vLLM $version into $folder: about $download_gb GB to download, $disk_gb GB on disk, once ..."
[ -x "$folder/bin/python" ] || "$python" -m venv "$folder" \
  || refuse "Python's venv module is missing; on Debian and Ubuntu: apt-get install python3-venv."
"$folder/bin/python" -m pip install --disable-pip-version-check --quiet "$@" -r "$requirements" \
  || refuse "pip failed (see above); run 'make vllm' again, it goes on where it stopped."
[ -x "$folder/bin/vllm" ] || refuse "pip was content, but there is no $folder/bin/vllm."

# Triton compiles small C programs when vLLM starts.
include=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
command -v gcc >/dev/null 2>&1 && [ -f "$include/Python.h" ] \
  || echo "Note: vLLM compiles kernels at its start and needs gcc and Python's headers; on Debian and Ubuntu: apt-get install gcc python3-dev"
echo "vLLM $version is ready; 'studio models start' starts the default language model."
