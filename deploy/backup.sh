#!/bin/sh
# Keeps dated copies of the database, and of Prefect's history when it is on PostgreSQL.
#
#   deploy/backup.sh FOLDER [COPIES]
#
# Reads PRESSWATCH_CONFIG (or presswatch.toml here) and, when it is set, PREFECT_DATABASE_URL
# (postgresql://user@host/name; the password from ~/.pgpass). Works while a run writes. Meant for cron
# or a systemd timer; exit code 0 only when every copy was made.
set -eu

folder=${1:?usage: backup.sh FOLDER [COPIES]}
copies=${2:-14}

mkdir -p "$folder/presswatch"
presswatch backup "$folder/presswatch" --keep "$copies" --quiet

if [ -n "${PREFECT_DATABASE_URL:-}" ]; then
    mkdir -p "$folder/prefect"
    name=$folder/prefect/prefect-$(date -u +%Y%m%dT%H%M%SZ).dump
    pg_dump --format=custom --file="$name.part" "$PREFECT_DATABASE_URL"
    mv "$name.part" "$name"
    # Names sort by time; all but the newest are removed.
    find "$folder/prefect" -name 'prefect-*.dump' | sort -r | tail -n +"$((copies + 1))" |
        while IFS= read -r old; do rm -- "$old"; done
fi
