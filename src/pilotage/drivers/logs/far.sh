# Lists log files and prints parts of them. POSIX sh, with stat, dd, tail and head of coreutils or BusyBox. Only looks.
#
#   list N PATTERN... PATH...    what the N patterns name, and what rotation may have made of the paths
#   read MARK (DEVICE INODE FROM SIZE PATH)...
#
# `list` prints lines: `now SECONDS`, `file DEVICE INODE SIZE MODIFIED PATH`, `beside ...` likewise, `refused PATH`, `end`.
# `read` prints for each part `gone`, or `part COUNT SIZE`, then COUNT bytes, then `MARK SIZE`: the file's size before
# and after. One that is cut while it is read has fewer bytes: then MARK is not where it should be.
set -u
line='
'
block=65536

tell() {  # KIND FILE...
    kind=$1
    shift
    given=$#
    for file in "$@"; do
        case $file in
            *"$line"*) ;;  # nobody could tell where its name ends
            *)
                if [ ! -f "$file" ]; then :
                elif [ -r "$file" ]; then set -- "$@" "$file"
                else printf 'refused %s\n' "$file"; fi ;;
        esac
    done
    shift "$given"
    [ $# = 0 ] || stat -L -c "$kind %d %i %s %Y %n" -- "$@" 2>/dev/null
}

named() (
    IFS='' wanted=$1  # names are taken as they are: only `*`, `?` and `[` mean something
    shift
    given=$#
    for pattern in "$@"; do
        [ "$wanted" -gt 0 ] || break
        wanted=$((wanted - 1))
        set -- "$@" $pattern
    done
    shift "$given"
    tell file "$@"
)

beside() (
    given=$#
    for path in "$@"; do
        case ${path##*/} in
            *.*) stem=${path%.*} ;;
            *) stem=$path ;;
        esac
        set -- "$@" "$path"[._-]* "$stem"[._-]*
    done
    shift "$given"
    tell beside "$@"
)

size() { stat -L -c %s /proc/self/fd/3; }

part() {  # MARK DEVICE INODE FROM SIZE; the file is open as 3
    [ "$(stat -L -c '%d %i' /proc/self/fd/3)" = "$2 $3" ] || { echo gone; return; }
    before=$(size)
    count=$((before - $4))
    [ "$count" -le "$5" ] || count=$5
    [ "$count" -ge 0 ] || count=0
    printf 'part %s %s\n' "$count" "$before"
    if [ "$count" -gt 0 ]; then
        skipped=$(($4 % block))
        dd bs="$block" skip=$(($4 / block)) count=$(((skipped + count) / block + 1)) <&3 2>/dev/null |
            tail -c +"$((skipped + 1))" | head -c "$count"
    fi
    printf '%s %s\n' "$1" "$(size)"
}

parts() {
    mark=$1
    shift
    while [ $# -ge 5 ]; do
        { part "$mark" "$1" "$2" "$3" "$4"; } 3<"$5" || echo gone
        shift 5
    done
}

case $1 in
    list)
        printf 'now %s\n' "$(date +%s)"
        patterns=$2
        shift 2
        named "$patterns" "$@"
        shift "$patterns"
        beside "$@"
        echo end ;;
    read)
        shift
        parts "$@" 2>/dev/null ;;
esac
