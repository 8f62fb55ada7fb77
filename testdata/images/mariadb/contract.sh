#!/bin/bash
W=$(mktemp -d)
# contract checks of the mariadb stand-in
I=mariadb:10.11; ok() { echo "ok   $1"; }; no() { echo "FAIL $1"; }
w() { for _ in $(seq 1 100); do docker exec gwi-m healthcheck.sh --connect --innodb_initialized 2>/dev/null && return 0; [ "$(docker inspect -f '{{.State.Running}}' gwi-m)" = true ] || return 1; sleep 0.2; done; return 1; }
rm_() { docker rm -f -v gwi-m >/dev/null 2>&1; }
rm_; docker run --name gwi-m $I >$W/m.log 2>&1 && no "no password must fail" || { grep -q 'password option is not specified' $W/m.log && ok "no password: refused with the official message"; }
rm_; docker run --name gwi-m -e MARIADB_ROOT_PASSWORD=a -e MARIADB_ROOT_PASSWORD_FILE=/etc/hostname $I >$W/m.log 2>&1 && no both || { grep -q exclusive $W/m.log && ok "X and X_FILE: refused"; }
rm_; docker run --name gwi-m --rm $I --version | grep -q 10.11 && ok "mariadb --version"
rm_; mkdir -p $W/initdb; echo 'create table t(a int); insert into t values (7);' > $W/initdb/1.sql; echo 'echo "select 1;" | docker_process_sql; touch /tmp/sourced' > $W/initdb/2.sh; echo rootfromfile > $W/rp
docker volume create gwi-mv >/dev/null
docker run -d --name gwi-m -v gwi-mv:/var/lib/mysql -v $W/initdb:/docker-entrypoint-initdb.d:ro -v $W/rp:/rp:ro -e MYSQL_ROOT_PASSWORD_FILE=/rp -e MYSQL_DATABASE=my_db -e MYSQL_USER="u'q" -e MYSQL_PASSWORD='p\a"s'"'"'s$' $I --max-connections=33 >/dev/null; w && ok "MYSQL_* names, _FILE, initdb.d, arguments: healthy" || { no start; docker logs gwi-m | tail -5; }
q() { docker exec gwi-m mariadb -h 127.0.0.1 -N "$@"; }
[ "$(q -u"u'q" -p'p\a"s'"'"'s$' my_db -e 'select a from t')" = 7 ] && ok "user with quotes reads its database over TCP" || no user
[ "$(q -uroot -prootfromfile -e 'select @@max_connections')" = 33 ] && ok "root over TCP, argument passed" || no root
q -uroot -prootfromfile -e 'select user,host from mysql.user' | tr '\n' ';'; echo
docker exec gwi-m sh -c 'ps -o user= -p 1 2>/dev/null || stat -c %U /proc/1'
docker stop -t 20 gwi-m >/dev/null; [ "$(docker inspect -f '{{.State.ExitCode}}' gwi-m)" = 0 ] && ok "clean stop (exit 0)" || no "stop $(docker inspect -f '{{.State.ExitCode}}' gwi-m)"
rm_; docker run -d --name gwi-m -v gwi-mv:/var/lib/mysql -e MARIADB_ROOT_PASSWORD=ignored $I >/dev/null; w && [ "$(q -uroot -prootfromfile my_db -e 'select a from t')" = 7 ] && ok "second start keeps data and the first password" || no persist
rm_; docker volume rm gwi-mv >/dev/null; docker run -d --name gwi-m --user mysql -e MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1 $I >/dev/null; w && ok "--user mysql, empty root password" || { no "--user mysql"; docker logs gwi-m 2>&1 | tail -3; }
rm_; docker run -d --name gwi-m --cap-drop ALL --cap-add CHOWN --cap-add SETUID --cap-add SETGID --cap-add DAC_OVERRIDE -e MARIADB_RANDOM_ROOT_PASSWORD=1 $I >/dev/null; w && ok "random root password, few capabilities; $(docker logs gwi-m 2>&1 | grep -c GENERATED) generated line" || no caps; rm_
