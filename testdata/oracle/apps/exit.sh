exit ${1:-0}
