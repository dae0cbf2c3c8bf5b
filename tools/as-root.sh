#!/bin/sh
# Runs a program as root in this environment, but at home in root's directory: nothing of root's
# then lies in the user's, and all share one cache.
exec sudo --preserve-env env HOME=~root "PATH=$PATH" "LD_LIBRARY_PATH=${LD_LIBRARY_PATH-}" "$@"
