#!/bin/sh
# Runs what starts WordPress as soon as the database takes connections: from the first request on that it answers, WordPress
# can use it.
set -eu
trap 'exit 143' TERM WINCH
php /opt/gateway/wait.php &
wait $!
trap - TERM WINCH
exec "$@"
