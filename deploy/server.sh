#!/bin/sh
# Starts the server in its container, whose ports others reach. The voice is converted into the volume at the first start;
# later that is a look of a second. The first start also makes three keys: for you, for the live dashboard and for the prober.
# They are made no more once there are keys of these names, with TTSCOPE_KEYS_FILE, or with TTSCOPE_ALLOW_ANONYMOUS=true.
set -eu
python -m server.voices install
python -m server.keys create first --scopes speak,voices,observe,admin --requests-per-minute 0 --if-missing --file /data/first.key
python -m server.keys create dashboard --scopes observe --if-missing --file /observe/api.key
python -m server.keys create probe --scopes speak --tenant probe --requests-per-minute 0 --if-missing --file /observe/probe.key
if [ -f /data/first.key ]; then
  echo "the first API key is in /data/first.key: docker compose exec server cat /data/first.key"
fi
exec python -m server
