# Sourced: the virtual environment of benches/requirements.txt, made when it is missing or older than that file. Sets PYTHON.
VENV=${BENCH_VENV:-target/bench-venv}
if [ ! "$VENV/ready" -nt benches/requirements.txt ]; then
  python3 -m venv "$VENV"
  "$VENV/bin/pip" install --quiet --disable-pip-version-check -r benches/requirements.txt
  touch "$VENV/ready"
fi
PYTHON=$(realpath -s "$VENV/bin/python")
