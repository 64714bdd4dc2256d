# Runs a command once for its key, whatever becomes of the connection or of who asked. POSIX sh, on Linux.
#
#   probe NAME...                           could these commands be run here?
#   run SCOPE CALL KEY SECONDS COMMAND...   run it unless it has succeeded or still runs; then tell how that ended
#   stop SCOPE CALL                         end it, also one that is only about to begin
#
# The first line printed is the answer, what follows is the end of the command's words.
#
# ~/.pilotage/calls/SCOPE/CALL/ has of attempt N: N.owner, who looks after it, and N.group, the command's process
# group (process id and birth each); N.out and N.err; N.late when it took too long; N.code, how it ended. N.owner appears
# at once with what is in it, and once only: whoever links it first owns the attempt. `stop` ends this call for good.
set -u
calls=$HOME/.pilotage/calls

born() (  # When a process began: a later one may have its number. Nothing for one that is gone.
    set -- $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null)
    [ "${1:-Z}" = Z ] || echo "${20}"
)

last() (  # The number of the folder's last attempt, 0 before the first.
    n=0
    while [ -e "$1/$((n + 1)).owner" ]; do n=$((n + 1)); done
    echo "$n"
)

runs() (  # Whether attempt N of the folder still runs. One whose owner was killed does as long as its command does.
    [ ! -e "$1/$2.code" ] || exit 1
    for who in owner group; do
        pid='' birth=''
        { read -r pid birth <"$1/$2.$who"; } 2>/dev/null
        [ -z "$birth" ] || [ "$(born "$pid")" != "$birth" ] || exit 0
    done
    exit 1
)

worked() { [ "$(cat "$1/$2.code" 2>/dev/null)" = 0 ]; }

rest() { sleep "$1" 2>/dev/null || sleep 1; }

kill_group() {  # Also one that is not a group yet.
    kill -9 "-$1" 2>/dev/null
    kill -9 "$1" 2>/dev/null
}

stop() {
    (umask 077 && mkdir -p "$1") && : >"$1/stop"
    attempt=$(last "$1") looks=0
    while runs "$1" "$attempt" && [ "$looks" -lt 12 ]; do
        group=''
        { read -r group _ <"$1/$attempt.group"; } 2>/dev/null
        [ -z "$group" ] || kill_group "$group"
        looks=$((looks + 1))
        rest 0.1
    done
}

supervise() {  # FOLDER KEY SECONDS COMMAND...
    folder=$1 PILOTAGE_KEY=$2 seconds=$3
    shift 3
    unset PILOTAGE_ONCE
    export PILOTAGE_KEY
    n=$(last "$folder")
    if runs "$folder" "$n" || worked "$folder" "$n"; then exit; fi
    n=$((n + 1)) new=$folder/new.$$ code=137
    echo "$$ $(born $$)" >"$new"
    won=$(ln "$new" "$folder/$n.owner" 2>/dev/null && echo yes)
    rm -f "$new"  # another name of the owner's file by now
    [ -n "$won" ] || exit
    if [ ! -e "$folder/stop" ]; then
        setsid sh -c 'exec "$@"' sh "$@" >"$folder/$n.out" 2>"$folder/$n.err" &
        group=$!
        echo "$group $(born "$group")" >"$new" && mv "$new" "$folder/$n.group"
        [ ! -e "$folder/stop" ] || kill_group "$group"  # it came between our look and the command's group
        setsid sh -c 'sleep "$1"; : >"$2"; kill -9 "-$3"' sh "$seconds" "$folder/$n.late" "$group" &
        watch=$!
        wait "$group"
        code=$?
        kill_group "$watch"
    fi
    echo "$code" >"$new" && mv "$new" "$folder/$n.code"
}

fit() {
    for name in setsid "$@"; do
        command -v -- "$name" >/dev/null || { echo "missing $name"; exit; }
    done
    [ -n "$(born $$)" ] || { echo 'unfit it has no /proc (is it Linux?)'; exit; }
    [ -w "$HOME" ] || { echo "unfit its home folder cannot be written: the journal of calls would be there"; exit; }
}

tell() {
    if worked "$1" "$2"; then echo 'ended 0'
    elif [ -e "$1/stop" ]; then echo stopped
    elif [ -e "$1/$2.late" ]; then echo late
    else echo "ended $(cat "$1/$2.code")"; fi
    [ -s "$1/$2.err" ] && tail -c 4096 "$1/$2.err" && return
    [ ! -e "$1/$2.out" ] || tail -c 4096 "$1/$2.out"
}

run() {
    scope=$calls/$1 folder=$calls/$1/$2
    shift 2
    n=$(last "$folder")
    if [ -e "$folder/stop" ] || worked "$folder" "$n"; then  # it is over: a later call is none of its business
        tell "$folder" "$n"
        exit
    fi
    fit "$3"
    (umask 077 && mkdir -p "$folder") || { echo "unfit $folder cannot be made"; exit; }
    find "$calls"/*/* -prune -type d ! -path "$folder" -mtime +1 -exec rm -rf {} + 2>/dev/null
    for other in "$scope"/*; do  # a later call must not be undone by an earlier one
        if [ "$other" != "$folder" ] && runs "$other" "$(last "$other")"; then stop "$other"; fi
    done
    seen=$(last "$folder") started='' looks=0
    if runs "$folder" "$seen"; then seen=$((seen - 1)); fi  # its result is this call's, too
    while :; do
        n=$(last "$folder")
        if runs "$folder" "$n"; then
            started=yes
        elif [ -e "$folder/$n.code" ] && { [ "$n" -gt "$seen" ] || worked "$folder" "$n"; }; then
            tell "$folder" "$n"
            exit
        elif [ "$n" -gt "$seen" ] || [ "$looks" -gt 50 ]; then
            echo died
            exit
        elif [ -z "$started" ]; then
            started=yes
            setsid sh -c 'eval "$PILOTAGE_ONCE"' pilotage supervise "$folder" "$@" >/dev/null 2>&1 &
        fi
        looks=$((looks + 1))
        if [ "$looks" -lt 20 ]; then rest 0.1; else rest 0.3; fi
    done
}

cd 2>/dev/null || { echo 'unfit it has no home folder'; exit; }
do=$1
shift
case $do in
    probe) fit "$@"; echo fit ;;
    run) run "$@" ;;
    supervise) supervise "$@" ;;
    stop) stop "$calls/$1/$2"; echo stopped ;;
esac
