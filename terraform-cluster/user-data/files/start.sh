#!/bin/sh
# Run once by cloud-init, after the files are there. All that matters is in units, which run at every boot and try again:
# nothing is lost if this host, the network or another host is not ready yet.
set -eu
systemctl daemon-reload
systemctl enable e2b-bootstrap.service e2b-join.service
systemctl start --no-block e2b-bootstrap.service e2b-join.service
