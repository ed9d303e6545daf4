#!/bin/sh
echo "kafka-acls.sh: this broker has no ACLs" >&2
exit 1
