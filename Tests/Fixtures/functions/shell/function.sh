handler() {
    echo "called with $1" >&2
    echo "{\"echo\":$1,\"args\":$#,\"root\":\"$PWD\"}"
}
